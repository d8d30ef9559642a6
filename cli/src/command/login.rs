//! `login`: a person signs in at the identity provider.

use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::args::access::Login;
use crate::ca::base_url::BaseUrl;
use crate::ca::http;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;
use crate::sign_in::discovery::{self, Provider};
use crate::sign_in::flow::{Callback, Flow, Wishes};
use crate::sign_in::loopback::Loopback;
use crate::sign_in::token;

/// Signs a person in, and stores the ID token or prints one for an agent.
///
/// # Errors
/// When the provider cannot be used or refuses, or nobody comes back from it.
pub async fn run(
    args: &Login,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let issuer: BaseUrl = args.issuer.parse().map_err(|error| {
        Failure::usage(format!("`{}` is no issuer of ID tokens", args.issuer)).because(&error)
    })?;
    let client = http::client(args.issuer_cert.as_deref())?;
    let provider = discovery::discover(&client, &issuer)
        .await
        .map_err(|error| {
            Failure::new(Exit::Unavailable, "the identity provider cannot be used").because(&error)
        })?;

    let loopback = Loopback::bind(args.port).await?;
    let entropy = [clock::random()?, clock::random()?, clock::random()?];
    let flow = Arc::new(Flow::begin(
        args.client_id(),
        loopback.redirect(),
        &provider,
        &entropy,
    ));
    send_away(args, &flow, &provider, printer)?;

    let waited =
        tokio::time::timeout(args.timeout.as_duration(), loopback.wait(Arc::clone(&flow))).await;
    let Ok(callback) = waited else {
        return Err(Failure::new(
            Exit::NotAuthenticated,
            format!(
                "nobody came back from the identity provider within {}",
                args.timeout
            ),
        )
        .next("open the address in a browser on this machine, or give --timeout more"));
    };
    let code = match callback? {
        Callback::Code(code) => code,
        Callback::Refused { error, description } => {
            return Err(token::refused(&error, &description));
        }
        Callback::Foreign => return Err(Failure::failed("the browser brought back nothing")),
    };
    let id_token = token::exchange(&client, &provider, &flow, &code).await?;
    let who = safe::line(id_token.claims().who());
    let until = moment(id_token.claims().expires_at());
    if args.for_agent {
        printer.say(&format!(
            "signed in as {who}; until {until} the agent may exchange this ID token"
        ));
    } else {
        let path = &settings.places().id_token;
        id_token.store(path)?;
        printer.say(&format!(
            "signed in as {who} until {until}; the ID token is in {}",
            path.display()
        ));
    }
    if args.for_agent || args.print_token {
        printer.text(id_token.text().expose())?;
    }
    Ok(Exit::Done)
}

/// Shows the address, and opens it if a command for that was given.
fn send_away(
    args: &Login,
    flow: &Flow,
    provider: &Provider,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let wishes = Wishes {
        scope: args
            .scope
            .clone()
            .unwrap_or_else(|| provider.default_scope()),
        // Asking for it also makes the provider say when the person signed in (OpenID Connect
        // Core, section 2, `auth_time`), which policy wants to know.
        max_age: args.max_age,
        acr: args.acr.clone(),
    };
    let address = flow.address(provider, &wishes);
    let Some(browser) = &args.browser else {
        printer.say(&format!(
            "open this address in a browser to sign in:\n\n  {address}\n"
        ));
        return Ok(());
    };
    // The address is an argument of the shell and never part of its program.
    Command::new("sh")
        .args(["-c", &format!("{browser} \"$1\""), "sh", address.as_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| Failure::failed(format!("`{browser}` cannot be started")).because(&error))
}
