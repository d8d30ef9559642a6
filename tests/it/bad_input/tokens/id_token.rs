//! ID tokens, shown by a person to the API and handed over in an exchange.

use serde_json::json;

use super::super::draft::{
    CLIENT_ID, Draft, IDP, actor_token, assertion, delegated, id_token, key,
};
use super::super::https::Request;
use super::super::now;
use super::super::site::{Site, idp_key, turn};
use super::super::table::{Table, refused};

/// The real provider on the bastion's host.
const PROVIDER: &str = "http://127.0.0.1:9400";

fn rows(site: &Site) -> Vec<(&'static str, String, &'static str)> {
    let alice = || id_token("alice", &["soc"]);
    let wrong = |draft: Draft| draft.sign(&idp_key());
    let real = site.installation.person("alice").unwrap().login().unwrap();
    let real = real.text();
    let altered = |draft: Draft| {
        let signature = real.rsplit('.').next().unwrap();
        let unsigned = draft.unsigned();
        let claims = unsigned.split('.').nth(1).unwrap();
        format!("{}.{claims}.{signature}", real.split('.').next().unwrap())
    };
    let raw = idp_key().verifying_key().to_bytes();
    let groups: Vec<_> = (0..65).map(|number| format!("group-{number}")).collect();
    vec![
        (
            "of an issuer that nobody trusts",
            wrong(alice().claim("iss", "https://idp.example.net")),
            "its signer is not known here",
        ),
        (
            "of an issuer with a slash more",
            wrong(alice().claim("iss", format!("{IDP}/"))),
            "its signer is not known here",
        ),
        (
            "of the real provider, by another key",
            wrong(alice().claim("iss", PROVIDER)),
            "its algorithm `EdDSA` is not accepted",
        ),
        (
            "for another client",
            wrong(alice().claim("aud", "another-client")),
            "it is for another audience",
        ),
        (
            "for several clients without `azp`",
            wrong(alice().claim("aud", json!([CLIENT_ID, "another-client"]))),
            "its authorised party is another client",
        ),
        (
            "made for another client",
            wrong(alice().claim("azp", "another-client")),
            "its authorised party is another client",
        ),
        (
            "with no algorithm",
            alice().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the issuer's public key",
            alice().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "the real one keyed by its key set",
            Draft::of(real).confused(provider_key(site).as_bytes()),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "the real one with another human",
            altered(
                Draft::of(real)
                    .claim("sub", "person-carol")
                    .claim("groups", json!(["infra-admins"])),
            ),
            "its signature does not hold",
        ),
        (
            "by a key of nobody",
            alice().sign(&key(9)),
            "its signature does not hold",
        ),
        (
            "by a key that it brings along",
            alice()
                .header(
                    "jwk",
                    serde_json::to_value(super::super::draft::jwk(&key(9))).unwrap(),
                )
                .sign(&key(9)),
            "its signature does not hold",
        ),
        (
            "by a key at an address",
            alice()
                .header("jku", "https://idp.example.net/keys")
                .sign(&key(9)),
            "its signature does not hold",
        ),
        (
            "by a key id that is not there",
            wrong(alice().header("kid", "idp-2")),
            "its signer has no key with that id",
        ),
        (
            "expired",
            wrong(alice().claim("exp", now() - 60)),
            "it is expired",
        ),
        (
            "not yet valid",
            wrong(alice().claim("nbf", now() + 120)),
            "it is not valid yet",
        ),
        (
            "from the future",
            wrong(alice().claim("iat", now() + 120)),
            "it was issued in the future",
        ),
        (
            "issued long ago",
            wrong(
                alice()
                    .claim("iat", now() - 13 * 3600)
                    .claim("auth_time", now() - 13 * 3600),
            ),
            "it was issued too long ago",
        ),
        (
            "of a sign-in after it",
            wrong(alice().claim("auth_time", now() + 3600)),
            "it was issued in the future",
        ),
        (
            "without a sign-in",
            wrong(alice().claim("auth_time", json!(null))),
            "its claims do not fit",
        ),
        (
            "without a subject",
            wrong(alice().claim("sub", json!(null))),
            "its claims do not fit",
        ),
        (
            "with a subject that has a line end",
            wrong(alice().claim("sub", "alice\nroot")),
            "its subject is not the one expected",
        ),
        (
            "with more groups than are read",
            wrong(alice().claim("groups", json!(groups))),
            "it has more groups, or longer ones, than are read",
        ),
        (
            "with groups that are no names",
            wrong(alice().claim("groups", json!([1, 2]))),
            "`groups` is no list of names",
        ),
        (
            "of the type of an access token",
            wrong(alice().header("typ", "at+jwt")),
            "its type is `at+jwt`",
        ),
        (
            "with a critical extension",
            wrong(alice().header("crit", json!(["x"]))),
            "its header has `crit`",
        ),
        (
            "an agent's assertion",
            assertion().sign(&site.agent),
            "its signer is not known here",
        ),
        (
            "an agent's actor token",
            actor_token().sign(&site.agent),
            "its signer is not known here",
        ),
        (
            "a delegated token",
            delegated(&site.agent).sign(&site.token_key()),
            "its signer is not known here",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
        (
            "a token of nothing",
            "e30.e30.".into(),
            "it is not a JWT in compact form",
        ),
        (
            "longer than a token may be",
            format!("{}.e30.AA", "A".repeat(17 * 1024)),
            "it is longer than a token may be",
        ),
    ]
}

/// The real provider's public key as its key set has it.
fn provider_key(site: &Site) -> String {
    const ASK: &str = "const r = await fetch(process.argv[1]); console.log(JSON.stringify((await r.json()).keys[0]))";
    let host = site.installation.lab().host("bastion");
    let url = format!("{PROVIDER}/jwks");
    host.run(&["node", "--input-type=module", "--eval", ASK, "--", &url])
        .unwrap()
        .ok()
        .unwrap()
        .text()
}

#[test]
fn who_shows_a_bad_id_token_is_nobody() {
    let site = turn();
    let rows = rows(&site);
    let mut table = Table::new(&site, "ID tokens");
    for (name, token, why) in rows {
        let answer = site
            .beside
            .send(&Request::new("GET", "/v1/sessions").bearer(&token));
        let told = (answer.status, answer.text("code"), answer.text("detail"));
        let expected = (
            401,
            "unauthenticated".to_owned(),
            "the ID token is not accepted; sign in again".to_owned(),
        );
        table.row(name, &told, &expected, refused(why));
        table.demand(name, !answer.text("event").is_empty(), "no event is named");

        let mut form = site.exchange();
        form[3].1 = token;
        let exchange = Request::new("POST", "/oauth2/token").form(&form);
        let answer = site.beside.send(&exchange);
        let told = (answer.status, answer.text("error"));
        let expected = (400, "invalid_request".to_owned());
        table.row(name, &told, &expected, refused(why));
    }
    table.done();
}
