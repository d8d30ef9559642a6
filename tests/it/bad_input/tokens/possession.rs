//! Proofs of possession that do not fit the request, the token or the key.

use serde_json::json;

use super::super::draft::{Draft, fresh, jwk, key, proof};
use super::super::https::Request;
use super::super::now;
use super::super::site::{other_key, turn};
use super::super::table::{Table, refused};

const PATH: &str = "/v1/sessions";

#[test]
fn a_delegated_token_is_worth_nothing_without_its_own_fresh_proof() {
    let site = turn();
    let token = site.delegated();
    let other_token = site.delegated();
    let own = &site.agent;
    let good = || proof(&token, "GET", PATH, own);
    let wrong = |draft: Draft| draft.sign(own);
    let raw = own.verifying_key().to_bytes();
    let mut with_secret = serde_json::to_value(jwk(own)).unwrap();
    with_secret["d"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let rows: Vec<(&str, String, &str)> = vec![
        (
            "by another agent's key",
            proof(&token, "GET", PATH, &other_key()).sign(&other_key()),
            "it is made by another key than the token is bound to",
        ),
        (
            "by a key of nobody",
            proof(&token, "GET", PATH, &key(9)).sign(&key(9)),
            "it is made by another key than the token is bound to",
        ),
        (
            "with the agent's key and another's signature",
            good().sign(&other_key()),
            "its signature does not hold",
        ),
        (
            "for another method",
            wrong(good().claim("htm", "POST")),
            "it is for another method",
        ),
        (
            "for another path",
            wrong(proof(&token, "GET", "/v1/agents", own)),
            "it is for another URL",
        ),
        (
            "for another CA",
            wrong(good().claim("htu", "https://ca.example.net:8443/v1/sessions")),
            "it is for another URL",
        ),
        (
            "for another token",
            wrong(proof(&other_token, "GET", PATH, own)),
            "it is for another token",
        ),
        (
            "for no token",
            wrong(good().claim("ath", json!(null))),
            "its claims do not fit",
        ),
        (
            "made long ago",
            wrong(good().claim("iat", now() - 120)),
            "it is expired",
        ),
        (
            "made in the future",
            wrong(good().claim("iat", now() + 120)),
            "it was issued in the future",
        ),
        (
            "without key",
            wrong(good().header("jwk", json!(null))),
            "the key it names is not for its algorithm",
        ),
        (
            "with the private key in it",
            wrong(good().header("jwk", with_secret)),
            "the key it names is not for its algorithm",
        ),
        (
            "with a key of another kind",
            wrong(good().header(
                "jwk",
                json!({ "kty": "oct", "crv": "", "x": "", "k": "c2VjcmV0" }),
            )),
            "the key it names is not for its algorithm",
        ),
        (
            "with no algorithm",
            good().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the public key",
            good().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "of another type",
            wrong(good().header("typ", "JWT")),
            "its type is `JWT`",
        ),
        (
            "without `jti`",
            wrong(good().claim("jti", json!(null))),
            "its claims do not fit",
        ),
        (
            "with a `jti` of 200 characters",
            wrong(good().claim("jti", "j".repeat(200))),
            "its `jti` is not 8 to 128 printable characters",
        ),
        (
            "with a critical extension",
            wrong(good().header("crit", json!(["x"]))),
            "its header has `crit`",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
        (
            "longer than a token may be",
            format!("{}.e30.AA", "A".repeat(17 * 1024)),
            "it is longer than a token may be",
        ),
    ];
    let shown = |proof: &str| {
        Request::new("GET", PATH)
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof)
    };
    let expected = (
        401,
        "unauthenticated".to_owned(),
        "the DPoP proof is not accepted; make a new one for this request".to_owned(),
    );
    let mut table = Table::new(&site, "proofs of possession");
    for (name, proof, why) in rows {
        let answer = site.beside.send(&shown(&proof));
        let told = (answer.status, answer.text("code"), answer.text("detail"));
        table.row(name, &told, &expected, refused(why));
    }

    let once = wrong(good().claim("jti", fresh()));
    assert_eq!(site.beside.send(&shown(&once)).status, 200);
    let answer = site.beside.send(&shown(&once));
    let told = (answer.status, answer.text("code"), answer.text("detail"));
    let logged = refused("the proof of possession is refused: it was used before");
    table.row("used before", &told, &expected, logged);

    for (name, request) in [
        (
            "two proofs",
            shown(&wrong(good())).header("dpop", wrong(good())),
        ),
        (
            "two tokens",
            shown(&wrong(good())).header("authorization", format!("DPoP {other_token}")),
        ),
    ] {
        let answer = site.beside.send(&request);
        let told = (answer.status, answer.text("code"));
        let expected = (400, "malformed".to_owned());
        table.row(name, &told, &expected, refused("is sent twice"));
    }
    table.done();
}
