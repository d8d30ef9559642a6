//! From the file's text to a configuration that can be used: pure.

use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;

use portreeve_protocol::recording::Retention;
use portreeve_protocol::session::{NotATrailLimit, TrailLimit};
use portreeve_protocol::time::Ttl;
use toml::Spanned;

use super::file::{File, Issuer, Lifetime, Sessions, Signer};
use super::{
    Config, IssuerConfig, IssuerKeys, RecordingStoreConfig, SessionConfig, SignerConfig, Transport,
};
use crate::sign::Limits;

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The text is no TOML, or a field is unknown, missing, or of the wrong kind.
    #[error("`{field}`: {detail}")]
    Field {
        /// Which field.
        field: String,
        /// Why.
        detail: String,
    },
    /// What agents are handed could do all that its human can.
    #[error("`issuer.agent_client_id` must be another client id than `client_id`")]
    AgentClient,
    /// A URL is not one that can be an issuer.
    #[error(
        "`{0}`: a URL begins with `https://`, names a host, and has no query and no fragment; `http://` is for loopback only"
    )]
    Url(&'static str),
    /// Plain HTTP would be heard by others.
    #[error(
        "`insecure_http`: without TLS the CA listens on loopback only; set `listen` to a loopback address, or remove `insecure_http`"
    )]
    InsecureHttp,
    /// Neither TLS nor its absence is asked for.
    #[error(
        "`tls`: say where `certificate` and `key` are, or set `insecure_http = true` and listen on loopback"
    )]
    NoTls,
    /// TLS and its absence are asked for.
    #[error("`tls`: with `insecure_http = true` there is no TLS; remove one of them")]
    BothTls,
    /// A lifetime is longer than what limits it.
    #[error("`{field}`: {value} is longer than `{limit}`, which is {limit_value}")]
    Longer {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: Ttl,
        /// The field that limits it.
        limit: &'static str,
        /// What that says.
        limit_value: Ttl,
    },
    /// Recordings could be read by nobody.
    #[error(
        "`review_recipients`: recordings are sealed to at least one recipient; `age-keygen` makes one"
    )]
    NoReviewer,
    /// It is not said where an identity provider's keys come from.
    #[error("`issuer`: say either `discovery = true` or `jwks_file`")]
    IssuerKeys,
    /// Two identity providers are the same.
    #[error("`issuer`: `{0}` is there twice")]
    SameIssuer(String),
    /// An algorithm that is not accepted.
    #[error(
        "`algorithms`: `{0}` is not accepted; name some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
    )]
    Algorithm(String),
    /// No algorithm at all.
    #[error("`algorithms`: name at least one")]
    NoAlgorithm,
    /// A rate that signs nothing.
    #[error("`per_second`: at least 1")]
    Rate,
    /// A limit that lets no session begin.
    #[error("`sessions.max_live_per_agent`: at least 1")]
    NoSessions,
    /// A trail that no session could do with.
    #[error("`sessions.trail_limit`: {0}")]
    TrailLimit(NotATrailLimit),
    /// The recording store cannot be used.
    #[error(transparent)]
    Store(portreeve_recording_store::config::ConfigError),
    /// A log's name that cannot stand in a checkpoint.
    #[error("`log_origin`: a log's name has no white space and no `+`")]
    LogOrigin,
}

/// What is wrong, and at which byte of the text.
pub(super) type At = (usize, Fault);

/// Every algorithm that an issuer may be given.
const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// What the text of the file `path` says.
pub(super) fn understand(text: &str, path: &Path) -> Result<Config, At> {
    let directory = super::directory_of(path);
    let file = parse(text)?;
    let issuer = issuer_url("url", &file.url)?;
    let transport = transport(&file, directory)?;
    if file.review_recipients.get_ref().is_empty() {
        return Err((file.review_recipients.span().start, Fault::NoReviewer));
    }
    let sessions = sessions(&file.sessions)?;
    let signer = signer(&file.signer, &issuer, directory)?;
    let token_ttl = or(&file.token_ttl, MINUTES_15);
    let limits = &signer.limits;
    for (lifetime, field, value, limit, limit_value) in [
        (
            &file.sessions.default_ttl,
            "sessions.default_ttl",
            sessions.default_ttl,
            "sessions.max_ttl",
            sessions.max_ttl,
        ),
        (
            &file.sessions.max_ttl,
            "sessions.max_ttl",
            sessions.max_ttl,
            "signer.limits.session",
            limits.session,
        ),
        (
            &file.sessions.connect_within,
            "sessions.connect_within",
            sessions.connect_within,
            "signer.limits.control",
            limits.control,
        ),
        (
            &file.token_ttl,
            "token_ttl",
            token_ttl,
            "signer.limits.token",
            limits.token,
        ),
    ] {
        if value > limit_value {
            let at = lifetime
                .as_ref()
                .map_or(0, |lifetime| lifetime.span().start);
            let fault = Fault::Longer {
                field,
                value,
                limit,
                limit_value,
            };
            return Err((at, fault));
        }
    }
    Ok(Config {
        issuer,
        listen: *file.listen.get_ref(),
        transport,
        database: directory.join(&file.database),
        signer,
        issuers: issuers(&file.issuer, directory)?,
        sessions,
        token_ttl,
        enrolment_ttl: or(&file.enrolment_ttl, HOUR),
        review_recipients: file.review_recipients.into_inner(),
        retention: file
            .recordings
            .retention
            .map_or(Retention::YEAR, |written| written.0),
        recording_store: file.store.map(|store| RecordingStoreConfig {
            line: super::line_of(text, store.span().start),
            section: store.into_inner(),
            file: path.to_owned(),
        }),
    })
}

fn parse(text: &str) -> Result<File, At> {
    let fault = |error: &toml::de::Error, field: String| {
        let offset = error.span().map_or(0, |span| span.start);
        let detail = error.message().trim_end().replace('\n', "; ");
        (offset, Fault::Field { field, detail })
    };
    let deserializer =
        toml::Deserializer::parse(text).map_err(|error| fault(&error, "file".into()))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| fault(error.inner(), field_name(&error.path().to_string())))
}

/// The field as people know it: without the step that `Spanned` adds.
fn field_name(path: &str) -> String {
    let parts = path.split('.');
    let own: Vec<_> = parts
        .filter(|part| !part.starts_with("$__serde_spanned"))
        .collect();
    if own.iter().all(|part| part.is_empty()) {
        "file".into()
    } else {
        own.join(".")
    }
}

fn transport(file: &File, directory: &Path) -> Result<Transport, At> {
    let at = file.listen.span().start;
    match (&file.tls, file.insecure_http) {
        (Some(tls), false) => Ok(Transport::Tls {
            certificate: directory.join(&tls.certificate),
            key: directory.join(&tls.key),
        }),
        (None, true) if file.listen.get_ref().ip().is_loopback() => Ok(Transport::PlainOnLoopback),
        (None, true) => Err((at, Fault::InsecureHttp)),
        (None, false) => Err((at, Fault::NoTls)),
        (Some(_), true) => Err((at, Fault::BothTls)),
    }
}

fn signer(file: &Signer, issuer: &str, directory: &Path) -> Result<SignerConfig, At> {
    let limits = &file.limits;
    let per_second = limits.per_second.as_ref();
    if let Some(rate) = per_second.filter(|rate| *rate.get_ref() == 0) {
        return Err((rate.span().start, Fault::Rate));
    }
    if let Some(origin) = &file.log_origin {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if origin.get_ref().is_empty() || origin.get_ref().contains(bad) {
            return Err((origin.span().start, Fault::LogOrigin));
        }
    }
    let origin = file
        .log_origin
        .as_ref()
        .map(|origin| origin.get_ref().clone());
    Ok(SignerConfig {
        socket: directory.join(&file.socket),
        keys: directory.join(&file.keys),
        spawn: file.spawn,
        server_uid: file.server_uid,
        limits: Limits {
            issuer: issuer.to_owned(),
            log_origin: origin.unwrap_or_else(|| log_origin(issuer)),
            session: or(&limits.session, HOURS_12),
            control: or(&limits.control, MINUTES_5),
            bastion_host: or(&limits.bastion_host, DAYS_400),
            token: or(&limits.token, HOUR),
            per_second: per_second.map_or(5000, |rate| *rate.get_ref()),
        },
    })
}

/// The log's name when none is given: the issuer's host and `/log`.
fn log_origin(issuer: &str) -> String {
    let authority = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    format!("{}/log", authority.replace('+', "-").trim_end_matches('/'))
}

/// What is written, or a default.
fn or(lifetime: &Lifetime, default: Ttl) -> Ttl {
    lifetime.as_ref().map_or(default, |ttl| ttl.get_ref().0)
}

#[expect(
    clippy::panic,
    reason = "evaluated by the compiler, for the lifetimes below, none of which is zero"
)]
const fn seconds(seconds: u32) -> Ttl {
    match Ttl::from_seconds(seconds) {
        Ok(ttl) => ttl,
        Err(_) => panic!("a default lifetime is not zero"),
    }
}

const SECONDS_30: Ttl = seconds(30);
const MINUTE: Ttl = seconds(60);
const MINUTES_5: Ttl = seconds(5 * 60);
const MINUTES_15: Ttl = seconds(15 * 60);
const HOUR: Ttl = seconds(3600);
const HOURS_12: Ttl = seconds(12 * 3600);
const DAYS_400: Ttl = seconds(400 * 24 * 3600);

/// More than any one agent works with, and few enough that one that runs wild does not fill the bastions.
const MAX_LIVE_PER_AGENT: u32 = 500;

fn sessions(file: &Sessions) -> Result<SessionConfig, At> {
    let most = file.max_live_per_agent.as_ref();
    if let Some(none) = most.filter(|most| *most.get_ref() == 0) {
        return Err((none.span().start, Fault::NoSessions));
    }
    let trail_limit = match &file.trail_limit {
        Some(text) => {
            let limit = text.get_ref().parse();
            limit.map_err(|error| (text.span().start, Fault::TrailLimit(error)))?
        }
        None => TrailLimit::DEFAULT,
    };
    Ok(SessionConfig {
        default_ttl: or(&file.default_ttl, MINUTES_15),
        max_ttl: or(&file.max_ttl, HOUR),
        connect_within: or(&file.connect_within, MINUTE),
        idle: or(&file.idle, MINUTES_5),
        linger: or(&file.linger, SECONDS_30),
        bind_source_address: file.bind_source_address.unwrap_or(true),
        max_live_per_agent: most.map_or(MAX_LIVE_PER_AGENT, |most| *most.get_ref()),
        trail_limit,
    })
}

fn issuers(files: &[Issuer], directory: &Path) -> Result<Vec<IssuerConfig>, At> {
    let mut issuers: Vec<IssuerConfig> = Vec::with_capacity(files.len());
    for file in files {
        let at = file.url.span().start;
        let url = issuer_url("issuer.url", &file.url)?;
        if issuers.iter().any(|other| other.url == url) {
            return Err((at, Fault::SameIssuer(url)));
        }
        let keys = match (&file.jwks_file, file.discovery) {
            (Some(path), false) => IssuerKeys::File(directory.join(path)),
            (None, true) => IssuerKeys::Discovery,
            _ => return Err((at, Fault::IssuerKeys)),
        };
        if let Some(agents) = &file.agent_client_id
            && (agents.get_ref().is_empty() || *agents.get_ref() == file.client_id)
        {
            return Err((agents.span().start, Fault::AgentClient));
        }
        issuers.push(IssuerConfig {
            url,
            client_id: file.client_id.clone(),
            agent_client_id: file.agent_client_id.as_ref().map(|id| id.get_ref().clone()),
            keys,
            algorithms: algorithms(&file.algorithms, at)?,
            name_claim: file.name_claim.clone(),
            groups_claim: file.groups_claim.clone(),
        });
    }
    Ok(issuers)
}

fn algorithms(list: &Spanned<Vec<String>>, issuer_at: usize) -> Result<Vec<String>, At> {
    let Range { start, .. } = list.span();
    if list.get_ref().is_empty() {
        return Err((start, Fault::NoAlgorithm));
    }
    let known = |name: &&String| !ALGORITHMS.contains(&name.as_str());
    match list.get_ref().iter().find(known) {
        Some(unknown) => Err((start.max(issuer_at), Fault::Algorithm(unknown.clone()))),
        None => Ok(list.get_ref().clone()),
    }
}

/// An issuer URL (RFC 8414, section 2): `https`, a host, no query, no fragment.
fn issuer_url(field: &'static str, url: &Spanned<String>) -> Result<String, At> {
    let text = url.get_ref();
    let is_issuer = || {
        if text.len() > 512
            || text.contains(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '@'))
        {
            return false;
        }
        match text.split_once("://") {
            Some(("https", rest)) => !host_of(rest).is_empty(),
            Some(("http", rest)) => is_loopback(host_of(rest)),
            _ => false,
        }
    };
    if is_issuer() {
        Ok(text.clone())
    } else {
        Err((url.span().start, Fault::Url(field)))
    }
}

/// The host in `host[:port][/path]`, without the brackets of an IPv6 address.
pub(crate) fn host_of(rest: &str) -> &str {
    let authority = rest
        .split_once('/')
        .map_or(rest, |(authority, _)| authority);
    if let Some(address) = authority.strip_prefix('[') {
        return address.split_once(']').map_or("", |(address, _)| address);
    }
    authority
        .split_once(':')
        .map_or(authority, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
