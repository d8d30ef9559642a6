//! The texts of `init`: the configuration file, the review key's file, what to do next.

use std::fmt::Write as _;
use std::path::Path;

use portreeve_protocol::age::{Identity, Recipient};
use portreeve_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::Init;
use super::settings::Settings;

/// What stands above `agent_client_id`.
const AGENT_CLIENT: &str = "# The client of the tokens that people hand to agents. Without one, such a token is the human.\n";

/// The directory whose configuration the packaged service reads.
const OF_THE_UNIT: &str = "/var/lib/portreeve-ca";

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
        Some(provider) => {
            let (url, client_id) = (toml_string(&provider.url), toml_string(&provider.client_id));
            let _ = write!(
                text,
                "\n[[issuer]]\nurl = {url}\nclient_id = {client_id}\n{AGENT_CLIENT}"
            );
            let _ = match &provider.agent_client_id {
                Some(id) => writeln!(text, "agent_client_id = {}", toml_string(id)),
                None => writeln!(text, "# agent_client_id = \"portreeve-agents\""),
            };
            text.push_str("discovery = true\n");
        }
        None => {
            let _ = write!(
                text,
                "\n# Who signs people in. Without one nobody can.\n\
                 # [[issuer]]\n# url = \"https://idp.example.com\"\n# client_id = \"portreeve\"\n\
                 {AGENT_CLIENT}# agent_client_id = \"portreeve-agents\"\n# discovery = true\n"
            );
        }
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

/// What to do after `init`; `by_root` when root ran it, as whom nothing serves.
pub(super) fn next_steps(settings: &Settings, init: &Init, by_root: bool) -> String {
    let directory = init.directory.display();
    let mut steps = vec![format!("the CA is in {directory}")];
    if init.identity_provider.is_none() {
        steps.push(format!(
            "name your identity provider: add an `[[issuer]]` to {directory}/config.toml"
        ));
    }
    let agents_have_a_client = init
        .identity_provider
        .as_ref()
        .is_some_and(|provider| provider.agent_client_id.is_some());
    if !agents_have_a_client {
        steps.push(format!(
            "register a second client at the identity provider for the tokens that people hand to agents, and name it \
             as `agent_client_id` in {directory}/config.toml: without it an agent with such a token can do what its human can"
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
        "give {directory}/keys/log.pub to whoever verifies trails and recordings (`--log-key`)"
    ));
    let serve = format!("portreeve-ca serve --config {directory}/config.toml");
    if by_root {
        steps.push(format!(
            "give it to the user that will run it, `portreeve-ca` where the package is: chown -R portreeve-ca: {directory}"
        ));
        steps.push(if init.directory == Path::new(OF_THE_UNIT) {
            "start it: systemctl enable --now portreeve-ca".to_owned()
        } else {
            format!("start it as that user: runuser -u portreeve-ca -- {serve}")
        });
    } else {
        steps.push(format!(
            "if another user is to run it: chown -R <user> {directory}"
        ));
        steps.push(format!("start it: {serve}"));
    }
    let mut text = String::new();
    for (number, step) in steps.iter().enumerate() {
        let _ = match number {
            0 => writeln!(text, "{step}"),
            _ => writeln!(text, "{number}. {step}"),
        };
    }
    text
}
