//! What a configuration says, and for each wrong one the line and the field.

use super::*;

const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

fn minimal() -> String {
    format!(
        "url = \"https://ca.example.com:8443\"\n\
         listen = \"0.0.0.0:8443\"\n\
         review_recipients = [\"{RECIPIENT}\"]\n\
         [tls]\n\
         certificate = \"tls/server.pem\"\n\
         key = \"/etc/keys/server.key\"\n"
    )
}

fn read_back(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let prefix = format!("{}:", path.display());
    read(&path).map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = understand(&minimal(), Path::new("/srv/ca/config.toml")).unwrap();
    assert_eq!(config.issuer, "https://ca.example.com:8443");
    assert_eq!(config.database, Path::new("/srv/ca/ca.db"));
    assert_eq!(
        config.transport,
        Transport::Tls {
            certificate: "/srv/ca/tls/server.pem".into(),
            key: "/etc/keys/server.key".into(),
        }
    );
    assert_eq!(config.signer.socket, Path::new("/srv/ca/run/signer.sock"));
    assert_eq!(config.signer.limits.log_origin, "ca.example.com:8443/log");
    assert!(config.signer.spawn && config.sessions.bind_source_address);
    assert_eq!(config.sessions.linger.to_string(), "30s");
    assert!(config.issuers.is_empty());
}

#[test]
fn everything_can_be_said() {
    let text = minimal()
        + r#"
        [signer]
        socket = "/run/portreeve/signer.sock"
        spawn = false
        server_uid = 990
        log_origin = "log.example.com"
        limits = { session = "8h", control = "2m", bastion_host = "720h", token = "30m", per_second = 100 }
        [sessions]
        default_ttl = "10m"
        max_ttl = "2h"
        connect_within = "90s"
        idle = "1h"
        linger = "5s"
        bind_source_address = false
        max_live_per_agent = 20
        trail_limit = "256MiB"
        [[issuer]]
        url = "http://127.0.0.1:9000"
        client_id = "portreeve"
        discovery = true
        algorithms = ["ES256"]
        [[issuer]]
        url = "https://idp.example.com/realm"
        client_id = "portreeve"
        jwks_file = "idp.json"
        groups_claim = "roles"
        "#;
    let config = understand(&text, Path::new("/srv/ca/config.toml")).unwrap();
    assert_eq!(config.signer.limits.session.to_string(), "8h");
    assert_eq!(config.signer.server_uid, Some(990));
    assert_eq!(config.sessions.max_live_per_agent, 20);
    assert_eq!(config.sessions.trail_limit.bytes(), 256 << 20);
    assert_eq!(config.issuers[0].keys, IssuerKeys::Discovery);
    assert_eq!(
        config.issuers[1].keys,
        IssuerKeys::File("/srv/ca/idp.json".into())
    );
    assert_eq!(config.issuers[1].groups_claim, "roles");
    assert_eq!(config.issuers[1].algorithms, ["RS256", "ES256"]);
}

#[test]
fn every_fault_is_reported_with_its_line_and_field() {
    let issuer = |lines: &str| format!("{}[[issuer]]\n{lines}\n", minimal());
    let idp = "url = \"https://idp.example.com\"\nclient_id = \"p\"\n";
    for (text, expected) in [
        (
            minimal().replace("url =", "issuer_url ="),
            "1: `issuer_url`: unknown field",
        ),
        (
            minimal().replace("url = ", "# "),
            "1: `file`: missing field `url`",
        ),
        (
            minimal().replace("0.0.0.0:8443", "everywhere"),
            "2: `listen`: ",
        ),
        (minimal().replace("[tls]", "[tls"), "4: `file`: "),
        (
            minimal().replace("https://ca", "http://ca"),
            "1: `url`: a URL begins with `https://`",
        ),
        (
            minimal().replace(":8443\"\nlisten", "/?a\"\nlisten"),
            "1: `url`: ",
        ),
        (
            minimal().replace(RECIPIENT, "age1xyz"),
            "3: `review_recipients`: the checksum",
        ),
        (
            minimal().replace(&format!("\"{RECIPIENT}\""), ""),
            "3: `review_recipients`: recordings",
        ),
        (
            format!("insecure_http = true\n{}", minimal()),
            "3: `tls`: with `insecure_http",
        ),
        (
            format!(
                "insecure_http = true\n{}",
                minimal().split_once("[tls]").unwrap().0
            ),
            "3: `insecure_http`: without TLS the CA listens on loopback only",
        ),
        (
            minimal().split_once("[tls]").unwrap().0.to_owned(),
            "2: `tls`: say where",
        ),
        (
            minimal() + "[sessions]\nmax_ttl = \"1 hour\"\n",
            "8: `sessions.max_ttl`: a lifetime is",
        ),
        (
            minimal() + "[sessions]\nmax_ttl = \"13h\"\n",
            "8: `sessions.max_ttl`: 13h is longer than `signer.limits.session`",
        ),
        (
            minimal() + "[sessions]\ndefault_ttl = \"2h\"\n",
            "8: `sessions.default_ttl`: 2h is longer than `sessions.max_ttl`",
        ),
        (
            minimal() + "[sessions]\ntrail_limit = \"64KiB\"\n",
            "8: `sessions.trail_limit`: a limit of a trail is at least `1MiB`",
        ),
        (
            minimal() + "[signer]\nlog_origin = \"a b\"\n",
            "8: `log_origin`: ",
        ),
        (
            minimal() + "[signer.limits]\nper_second = 0\n",
            "8: `per_second`: ",
        ),
        (
            minimal() + "[signer.limits]\nraw = true\n",
            "8: `signer.limits.raw`: unknown field",
        ),
        (issuer(idp), "8: `issuer`: say either"),
        (
            issuer(&format!("{idp}discovery = true\nagent_client_id = \"p\"")),
            "11: `issuer.agent_client_id` must be another",
        ),
        (
            issuer(&format!("{idp}discovery = true\njwks_file = \"f\"")),
            "8: `issuer`: say either",
        ),
        (
            issuer(&format!("{idp}discovery = true\nalgorithms = []")),
            "11: `algorithms`: name at least one",
        ),
        (
            issuer(&format!("{idp}discovery = true\nalgorithms = [\"none\"]")),
            "11: `algorithms`: `none` is not accepted",
        ),
        (
            issuer(&format!("{idp}discovery = true\nalgorithms = [\"HS256\"]")),
            "`HS256` is not accepted",
        ),
        (
            issuer(&format!(
                "{idp}discovery = true\n[[issuer]]\n{idp}discovery = true"
            )),
            "12: `issuer`: `https://idp.example.com` is there twice",
        ),
        (
            issuer("url = \"ftp://idp\"\nclient_id = \"p\"\ndiscovery = true"),
            "8: `issuer.url`: ",
        ),
        (
            issuer("url = \"http://idp.example.com\"\nclient_id = \"p\"\ndiscovery = true"),
            "8: `issuer.url`: ",
        ),
    ] {
        let error = read_back(&text).expect_err(expected);
        assert!(
            error.contains(expected),
            "expected `{expected}`, got `{error}`"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read(Path::new("/nonexistent/config.toml")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/config.toml"));
}

#[test]
fn the_recording_store_is_opened_by_whoever_needs_it_and_not_by_reading() {
    let text = minimal()
        + "[store]\nendpoint = \"https://s3.example.com\"\nbucket = \"recordings\"\ncredentials = \"credentials\"\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let store = read(&path).unwrap().recording_store.unwrap();
    let fault = store.open().unwrap_err().to_string();
    let credentials = directory.path().join("credentials");
    assert_eq!(
        fault,
        format!(
            "{}:7: `{}` cannot be read",
            path.display(),
            credentials.display()
        )
    );
}
