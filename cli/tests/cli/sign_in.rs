//! `login` with a provider, and what others then may be asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::ca::token;
use crate::program::{User, path};
use crate::web;

/// A provider whose ID tokens carry this nonce, if it is not that of the sign-in.
fn provider(nonce: Option<&'static str>) -> (String, Arc<Mutex<String>>) {
    let asked = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&asked);
    let url = web::serve(move |request| {
        let issuer = format!("http://{}", request.header("host").unwrap());
        if request.target == "/.well-known/openid-configuration" {
            let document = json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"), "code_challenge_methods_supported": ["S256"],
            });
            return (200, "application/json", document.to_string());
        }
        assert!(request.body.contains("code=the-code"), "{}", request.body);
        assert!(request.body.contains("code_verifier="), "{}", request.body);
        let id_token = token(&json!({
            "iss": issuer, "sub": "a", "aud": "portreeve", "exp": 4_000_000_000_i64,
            "nonce": nonce.map_or_else(|| seen.lock().unwrap().clone(), str::to_owned),
            "email": "alice@example.com",
        }));
        (
            200,
            "application/json",
            json!({"id_token": id_token}).to_string(),
        )
    });
    (url, asked)
}

/// Signs in; `browse` gets the address and brings back what the browser would.
fn login(user: &User, issuer: &str, browse: impl FnOnce(&reqwest::Url)) -> (i32, String, String) {
    let mut child = user
        .command(&path())
        .args([
            "login",
            "--issuer",
            issuer,
            "--print-token",
            "--timeout",
            "20s",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let address = loop {
        let mut line = String::new();
        assert!(err.read_line(&mut line).unwrap() > 0, "{said}");
        said.push_str(&line);
        if let Ok(url) = reqwest::Url::parse(line.trim()) {
            break url;
        }
    };
    browse(&address);
    err.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        said,
    )
}

fn parameter(address: &reqwest::Url, name: &str) -> String {
    address
        .query_pairs()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .unwrap()
}

fn call(address: &reqwest::Url, query: &str) -> String {
    let redirect = reqwest::Url::parse(&parameter(address, "redirect_uri")).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).unwrap();
    write!(stream, "GET /callback?{query} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_person_signs_in_and_is_known_afterwards() {
    let (issuer, asked) = provider(None);
    let user = User::new();
    let (code, out, err) = login(&user, &issuer, |address| {
        *asked.lock().unwrap() = parameter(address, "nonce");
        assert!(call(address, "code=the-code&state=forged").starts_with("HTTP/1.1 404"));
        let state = parameter(address, "state");
        assert!(
            call(address, &format!("code=the-code&state={state}")).contains("You are signed in")
        );
    });
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.trim().split('.').count(), 3);
    let known = user.run(&["--json", "whoami"]).ok().json();
    assert_eq!(known["person"]["name"], "alice@example.com");
    user.run(&["logout"]).ok();
    assert_eq!(user.run(&["whoami"]).code, 4);
}

#[test]
fn an_id_token_of_another_sign_in_is_not_kept() {
    let (issuer, _) = provider(Some("another"));
    let user = User::new();
    let (code, out, err) = login(&user, &issuer, |address| {
        let state = parameter(address, "state");
        call(address, &format!("code=the-code&state={state}"));
    });
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(err.contains("it is of another sign-in"), "{err}");
    assert_eq!(user.run(&["whoami"]).code, 4);
}

#[test]
fn a_refusal_of_the_provider_is_told_safely() {
    let (issuer, _) = provider(None);
    let (code, _, err) = login(&User::new(), &issuer, |address| {
        let state = parameter(address, "state");
        call(
            address,
            &format!("error=access_denied&error_description=no%1b%5b2J&state={state}"),
        );
    });
    assert_eq!(code, 4);
    assert!(
        err.contains("refused the sign-in: access_denied\n  because: no\\x1b[2J"),
        "{err}"
    );
}

#[test]
fn the_browser_command_gets_the_address_as_an_argument() {
    let (issuer, _) = provider(None);
    let user = User::new();
    let file = user.home().join("address");
    let browser = format!("printf %s >'{}'", file.display());
    let said = user.run(&[
        "login",
        "--issuer",
        &issuer,
        "--timeout",
        "1s",
        "--browser",
        &browser,
    ]);
    assert_eq!(said.code, 4, "{said:?}");
    let address = std::fs::read_to_string(file).unwrap();
    assert!(
        address.starts_with(&format!("{issuer}/auth?response_type=code&")),
        "{address}"
    );
}
