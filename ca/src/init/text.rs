//! The texts of `init`: the configuration file, the review key's file, what to do next.

use std::fmt::Write as _;

use portreeve_protocol::age::{Identity, Recipient};
use portreeve_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::Init;
use super::settings::Settings;

/// The configuration file. Every value went through a parser that leaves no quote in it.
pub(super) fn config(settings: &Settings, init: &Init, recipients: &[Recipient]) -> String {
    let quoted: Vec<_> = recipients.iter().map(|one| format!("\"{one}\"")).collect();
    let mut text = format!(
        "# Portreeve CA. Relative paths begin at this file's directory.\n\
         # docs/guide/admin.md describes every field.\n\n\
         # The CA's URL as agents, bastions and people write it.\n\
         url = \"{}\"\n\
         listen = \"{}\"\n",
        init.url, settings.listen
    );
    if settings.tls_name().is_none() {
        text.push_str("insecure_http = true\n");
    }
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n# Who opens recordings.\nreview_recipients = [{}]\n",
        quoted.join(", ")
    );
    if settings.tls_name().is_some() {
        text.push_str("\n[tls]\ncertificate = \"tls/server.pem\"\nkey = \"tls/server.key\"\n");
    }
    text.push_str(
        "\n[signer]\n# `serve` starts the signer itself; set to false to run it under a user of its own.\n\
         spawn = true\n\n[sessions]\ndefault_ttl = \"15m\"\nmax_ttl = \"1h\"\n",
    );
    match &init.identity_provider {
        Some((url, client_id)) => {
            let (url, client_id) = (toml_string(url), toml_string(client_id));
            let _ = write!(
                text,
                "\n[[issuer]]\nurl = {url}\nclient_id = {client_id}\ndiscovery = true\n"
            );
        }
        None => text.push_str(
            "\n# Who signs people in. Without one nobody can.\n\
             # [[issuer]]\n# url = \"https://idp.example.com\"\n# client_id = \"portreeve\"\n\
             # discovery = true\n",
        ),
    }
    text
}

/// These two come as they were typed; the configuration is read back before it counts.
fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The review key in the form of `age-keygen`.
pub(super) fn review_key(identity: &Identity, now: Timestamp) -> Zeroizing<String> {
    let secret = identity.expose_secret_text();
    Zeroizing::new(format!(
        "# created: {now}\n# public key: {}\n{}\n",
        identity.recipient(),
        *secret
    ))
}

/// What to do after `init`.
pub(super) fn next_steps(settings: &Settings, init: &Init) -> String {
    let directory = init.directory.display();
    let mut steps = vec![format!("the CA is in {directory}")];
    if init.identity_provider.is_none() {
        steps.push(format!(
            "name your identity provider: add an `[[issuer]]` to {directory}/config.toml"
        ));
    }
    if init.review_recipients.is_empty() {
        steps.push(format!(
            "move {directory}/review_key.txt to whoever reviews recordings: nobody else needs it, the CA least of all"
        ));
    }
    if settings.tls_name().is_some() {
        steps.push(format!(
            "keep {directory}/tls/ca-key.pem offline; give {directory}/tls/ca-cert.pem to everybody who calls the CA (`PORTREEVE_CA_CERT`)"
        ));
    }
    steps.push(format!(
        "if another user is to run it: chown -R <user> {directory}"
    ));
    steps.push(format!(
        "start it: portreeve-ca serve --config {directory}/config.toml"
    ));
    let mut text = String::new();
    for (number, step) in steps.iter().enumerate() {
        let _ = match number {
            0 => writeln!(text, "{step}"),
            _ => writeln!(text, "{number}. {step}"),
        };
    }
    text
}
