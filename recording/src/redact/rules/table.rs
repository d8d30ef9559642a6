//! The table of patterns: what secrets look like, and what stands around them.

use super::Trust;
use crate::redact::Kind;

/// A value in quotes, or up to the next blank or quote.
macro_rules! value {
    () => {
        r#"(?P<s>"(?:[^"\\]|\\.)+"|'[^']+'|[^\s"'`]+)"#
    };
}

/// From the name of a program to one of its options.
macro_rules! command {
    ($names:literal, $option:literal) => {
        concat!(r"\b(?:", $names, r")\b[^|;&]*?[ \t]", $option, value!())
    };
}

/// One form of secrets.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) trust: Trust,
    pub(super) pattern: &'static str,
}

const fn form(kind: Kind, pattern: &'static str) -> Rule {
    Rule {
        kind,
        trust: Trust::Form,
        pattern,
    }
}

const fn context(kind: Kind, pattern: &'static str) -> Rule {
    Rule {
        kind,
        trust: Trust::Context,
        pattern,
    }
}

/// A form that goes on over several words ends where a shell would begin another command: whoever chooses a command
/// line would else hide the rest of it behind the beginning of a header.
pub(super) const RULES: &[Rule] = &[
    // Keys.
    form(
        Kind::PrivateKey,
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?P<s>[^-].*?)(?:-----END|$)",
    ),
    form(
        Kind::PrivateKey,
        r"(?i)\b(?:PrivateKey|PresharedKey|private-key|preshared-key)\s*[=:]\s*(?P<s>[A-Za-z0-9+/]{43}=)",
    ),
    form(
        Kind::AgeKey,
        r"(?i)(?P<s>AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{30,})",
    ),
    form(
        Kind::Jwt,
        r"\b(?P<s>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,3})",
    ),
    form(
        Kind::PasswordHash,
        r"(?P<s>\$(?:1|2[abxy]|5|6|7|y|gy|sha1|md5|argon2(?:id|i|d)|scrypt)\$[./A-Za-z0-9$,=+-]{20,})",
    ),
    // Tokens that name their issuer.
    form(
        Kind::Token,
        r"\b(?P<s>gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>gl(?:pat|dt|rt|rtr|ptt|cbt|ft|soat|oas|agent|imt|ffct|wt)-[A-Za-z0-9_.-]{16,}|GR1348941[A-Za-z0-9_-]{20,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})",
    ),
    form(
        Kind::Token,
        r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_-]{20,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}|cio[A-Za-z0-9]{32}\b|rubygems_[0-9a-f]{48}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>hv[sbr]\.[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}|sk-(?:ant|proj|svcacct|or-v1)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{30,})",
    ),
    form(
        Kind::Token,
        r"\b(?P<s>SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20,}|tskey-[a-z]+-[A-Za-z0-9-]{16,}|gl(?:sa|c)_[A-Za-z0-9_=+/-]{20,}|lin_api_[A-Za-z0-9]{30,}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|[0-9]{8,10}:AA[A-Za-z0-9_-]{32,})",
    ),
    // Keys of clouds.
    form(
        Kind::CloudKey,
        r"\b(?P<s>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
    ),
    form(
        Kind::CloudKey,
        r#"(?i)\b(?:aws_?)?(?:secret_?access_?key|session_?token|security_?token)["']?(?:\s*[=:]\s*|\s+)["']?(?P<s>[A-Za-z0-9/+=]{40,})"#,
    ),
    form(
        Kind::CloudKey,
        r"\b(?P<s>AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,})",
    ),
    form(
        Kind::CloudKey,
        r"(?i)\b(?:AccountKey|SharedAccessKey)=(?P<s>[A-Za-z0-9+/]{20,}={0,2})",
    ),
    form(
        Kind::CloudKey,
        r"(?i)[?&](?:sig|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)=(?P<s>[A-Za-z0-9%+/=_-]{16,})",
    ),
    form(
        Kind::CloudKey,
        r"(?P<s>\b[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
    ),
    form(
        Kind::CloudKey,
        r"\b(?P<s>do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|LTAI[A-Za-z0-9]{16,20}|hcloud_[A-Za-z0-9]{40,})",
    ),
    // HTTP.
    form(
        Kind::Authorization,
        r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:basic|bearer|token|negotiate|ntlm|apikey|splunk)\s+(?P<s>[^"'\s;|&`$\[]+)"#,
    ),
    form(
        Kind::Authorization,
        r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:digest|hawk|aws4-hmac-sha256)\s+(?P<s>[^"'\r\n;|&`$]+)"#,
    ),
    form(
        Kind::Authorization,
        r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?P<s>[^"'\s;|&`$]{16,})"#,
    ),
    context(
        Kind::Authorization,
        r"(?i)\bbearer[ \t]+(?P<s>[A-Za-z0-9._~+/=-]{16,})",
    ),
    context(
        Kind::Authorization,
        r#"(?i)\b(?:x-(?:[a-z]+-)*(?:key|token|secret)|(?:private|job|deploy)-token|api-?key)["']?\s*:\s*["']?(?P<s>[^"'\s]{6,})"#,
    ),
    form(
        Kind::Authorization,
        r#"(?i)\b(?:set-)?cookie["']?\s*:\s*["']?(?P<s>[^\s"'=;|&`$()<>]+=[^\s"';|&`$()<>]*(?:;[ \t]*(?:[^\s"'=;|&`$()<>]+=[^\s"';|&`$()<>]*|httponly|secure|partitioned))*)"#,
    ),
    context(
        Kind::Authorization,
        concat!(r"(?i)\bcurl\b[^|;&]*?[ \t](?:-b|--cookie)[ \t=]+", value!()),
    ),
    // Passwords in addresses.
    context(
        Kind::Password,
        r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@'\x22]*:(?P<s>[^\s/@'\x22]+)@",
    ),
    // Passwords in settings and assignments: `DB_PASSWORD=x`, `password: x`, `\"clientSecret\": \"x\"`.
    context(
        Kind::Password,
        concat!(
            r#"(?i)\b[a-z0-9_.-]*(?:password|passwort|passphrase)[0-9]?["']?\s*(?:=>|:=|=|:)\s*"#,
            value!()
        ),
    ),
    context(
        Kind::Password,
        r#"(?i)(?:password|passphrase|secret|token|api_?key|access_?key)\\"\s*:\s*\\"(?P<s>[^"\\]+)"#,
    ),
    context(
        Kind::Password,
        concat!(
            r"(?i)(?:^|[^a-z0-9])(?:[a-z0-9]+[_.-])*(?:pass|passwd)=",
            value!()
        ),
    ),
    context(
        Kind::Password,
        concat!(r"(?:(?:^|[;?&\s])[Pp]wd|[_.-](?:pwd|Pwd|PWD))=", value!()),
    ),
    Rule {
        kind: Kind::Password,
        trust: Trust::LongContext,
        pattern: concat!(
            r#"(?i)\b[a-z0-9_.-]*(?:secret|token|api[_-]?key|apikey|access[_-]?key|secret[_-]?key|private[_-]?key|account[_-]?key|encryption[_-]?key|credentials?)["']?\s*(?:=>|:=|=|:)\s*"#,
            value!()
        ),
    },
    context(
        Kind::Password,
        concat!(r"(?i)(?:^|\s)(?:requirepass|masterauth)\s+", value!()),
    ),
    context(
        Kind::Password,
        concat!(r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+", value!()),
    ),
    // Passwords on command lines: options that say so, then programs with options that do not.
    context(
        Kind::Password,
        concat!(
            r"(?i)(?:^|[\s\x22'])--?(?:[a-z0-9]+[-_])*(?:password|passwd|passphrase|storepass|keypass|authtoken|token|secret|apikey|api-key|access-key|secret-key)(?:=|\s+)",
            value!()
        ),
    ),
    context(
        Kind::Password,
        concat!(r"(?:^|\s)--pass(?:=|\s+)", value!()),
    ),
    context(
        Kind::Password,
        command!(
            "mysql|mysqldump|mysqladmin|mysqlimport|mysqlcheck|mysqlsh|mycli|mariadb|mariadb-dump|mariadb-admin|mariadb-backup|xtrabackup|7z|7za|7zr",
            r"-p"
        ),
    ),
    context(Kind::Password, command!("sshpass", r"-p[ \t]*")),
    context(
        Kind::Password,
        r#"\bcurl\b[^|;&]*?[ \t](?:-[a-zA-Z]*u[ \t]*|--user[ \t=]|-U[ \t]*|--proxy-user[ \t=])["']?[^\s:"']*:(?P<s>[^\s"']+)"#,
    ),
    context(
        Kind::Password,
        r#"\b(?:smbclient|rpcclient|smbget|net|wmic|winexe|evil-winrm|mount\.cifs)\b[^|;&]*?[ \t](?:-U[ \t]*|--user=)["']?[^\s%"']+%(?P<s>[^\s"']+)"#,
    ),
    context(
        Kind::Password,
        command!(
            "ldapsearch|ldapadd|ldapmodify|ldapdelete|ldappasswd|ldapwhoami|ldapcompare|ldapmodrdn",
            r"-[a-zA-Z]*w[ \t]*"
        ),
    ),
    context(
        Kind::Password,
        command!("redis-cli|keydb-cli|valkey-cli", r"-a[ \t]*"),
    ),
    context(
        Kind::Password,
        command!(
            "(?:docker|podman|nerdctl|buildah|skopeo|oras|helm registry|crane auth|az|oc|cf|argocd|heroku)[ \t]+login|mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|impacket-[a-z]+|htpasswd-add|rabbitmqadmin|clickhouse-client",
            r"-p[ \t]*"
        ),
    ),
    context(
        Kind::Password,
        command!(
            "sqlcmd|bcp|osql|isql|ipmitool|zip|unzip|xfreerdp",
            r"(?:-P[ \t]*|/p:)"
        ),
    ),
    context(
        Kind::Password,
        concat!(r"(?:^|\s)-(?:passin|passout|pass)[ \t]+pass:", value!()),
    ),
    context(Kind::Password, command!("openssl", r"-k[ \t]+")),
    context(
        Kind::Password,
        command!(
            "snmpget|snmpwalk|snmpbulkwalk|snmpset|snmpgetnext",
            r"-[AXc][ \t]*"
        ),
    ),
    context(
        Kind::Password,
        command!("useradd|usermod|adduser", r"-p[ \t]*"),
    ),
    context(
        Kind::Password,
        concat!(
            r#"\bhtpasswd\b[^|;&]*?[ \t]-[a-zA-Z]*b[a-zA-Z]*[ \t]+(?:[^\s\[]+[ \t]+){1,2}"#,
            value!()
        ),
    ),
    context(
        Kind::Password,
        r#"\becho[ \t]+(?:-[a-zA-Z]+[ \t]+)*["']?[^\s:|"']+:(?P<s>[^|"']+?)["']?[ \t]*\|[^|;&]*\bchpasswd\b"#,
    ),
    context(
        Kind::Password,
        r#"\b(?:echo|printf)[ \t]+(?:-[a-zA-Z]+[ \t]+)*(?P<s>"[^"]+"|'[^']+'|[^|;&"']+?)[ \t]*\|[ \t]*(?:sudo[ \t]+[^|;&]*-[a-zA-Z]*S\b|[^|;&]*--pass(?:word|phrase)-(?:stdin|fd)\b|(?:sudo[ \t]+)?(?:passwd|cryptsetup|kinit)\b)"#,
    ),
    context(
        Kind::Password,
        concat!(
            r"(?i)\b(?:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?by|with[ \t]+(?:encrypted[ \t]+)?password|(?:role|user)[ \t]+\S+[ \t]+(?:encrypted[ \t]+)?password)[ \t]+(?:password[ \t]+)?",
            r#"(?P<s>"[^"]+"|'[^']+')"#
        ),
    ),
];
