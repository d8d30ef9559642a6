//! Delegated tokens, and who may not use one.

use std::time::Duration;

use portreeve_protocol::event::Body;
use portreeve_tests::until;
use serde_json::json;

use super::super::draft::{Draft, assertion, delegated, id_token, jwk, key, proof};
use super::super::https::Request;
use super::super::now;
use super::super::site::{OTHER_AGENT, RETIRED_AGENT, idp_key, other_key, retired_key, turn};
use super::super::table::{Logged, Table, refused};

const PATH: &str = "/v1/sessions";

#[test]
fn a_bad_delegated_token_is_no_pair() {
    let site = turn();
    let token_key = site.token_key();
    let good = || delegated(&site.agent);
    let wrong = |draft: Draft| draft.sign(&token_key);
    let raw = token_key.verifying_key().to_bytes();
    let published = serde_json::to_string(&jwk(&token_key).published()).unwrap();
    let rows: Vec<(&str, String, &str)> = vec![
        (
            "without `act`",
            wrong(good().claim("act", json!(null))),
            "it has no `act`: a human alone is no pair",
        ),
        (
            "with an `act` of another agent",
            wrong(good().claim("act", json!({ "sub": OTHER_AGENT }))),
            "its actor is not its client",
        ),
        (
            "with an `act` of a human",
            wrong(good().claim("act", json!({ "sub": "alice@example.com" }))),
            "its claims do not fit",
        ),
        (
            "without client",
            wrong(good().claim("client_id", json!(null))),
            "its claims do not fit",
        ),
        (
            "human and agent swapped",
            wrong(
                good()
                    .claim("sub", "soc/forensics")
                    .claim("act", json!({ "sub": "https://idp.example.com#alice" })),
            ),
            "its claims do not fit",
        ),
        (
            "of another human than it names",
            wrong(good().claim("sub", "https://idp.example.com#carol")),
            "its subject is not the human it names",
        ),
        (
            "of a human of another issuer",
            wrong(
                good()
                    .claim("human_iss", "https://idp.example.net")
                    .claim("sub", "https://idp.example.net#alice"),
            ),
            "the human's issuer is not trusted here",
        ),
        (
            "bound to no key",
            wrong(good().claim("cnf", json!(null))),
            "its claims do not fit",
        ),
        (
            "bound to a key of nobody",
            wrong(good().claim("cnf", json!({ "jkt": jwk(&key(9)).thumbprint() }))),
            "it is bound to a key that the agent does not have",
        ),
        (
            "of an agent that nobody registered",
            wrong(
                good()
                    .claim("client_id", "soc/nobody")
                    .claim("act", json!({ "sub": "soc/nobody" })),
            ),
            "its signer is not known here",
        ),
        (
            "of another issuer",
            wrong(good().claim("iss", "https://ca.example.net")),
            "its issuer is not the one expected",
        ),
        (
            "for another audience",
            wrong(good().claim("aud", "https://api.example.com")),
            "it is for another audience",
        ),
        (
            "expired",
            wrong(good().claim("exp", now() - 60)),
            "it is expired",
        ),
        (
            "from the future",
            wrong(good().claim("iat", now() + 120)),
            "it was issued in the future",
        ),
        (
            "signed by the agent itself",
            good().sign(&site.agent),
            "its signature does not hold",
        ),
        (
            "signed by another agent",
            good().sign(&other_key()),
            "its signature does not hold",
        ),
        (
            "signed by the issuer of ID tokens",
            good().sign(&idp_key()),
            "its signature does not hold",
        ),
        (
            "with no algorithm",
            good().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the public key's bytes",
            good().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "keyed by the published key",
            good().confused(published.as_bytes()),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "of the type of an ID token",
            wrong(good().header("typ", "JWT")),
            "its type is `JWT`",
        ),
        (
            "with a critical extension",
            wrong(good().header("crit", json!(["exp"]))),
            "its header has `crit`",
        ),
        (
            "the human's ID token",
            id_token("alice", &["soc"]).sign(&idp_key()),
            "its type is `JWT`",
        ),
        (
            "the agent's assertion",
            assertion().sign(&site.agent),
            "its type is `client-authentication+jwt`",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
        (
            "longer than a token may be",
            format!("{}.e30.AA", "A".repeat(17 * 1024)),
            "it is longer than a token may be",
        ),
    ];
    let mut table = Table::new(&site, "delegated tokens");
    let detail = "the delegated token is not accepted; exchange the human's ID token again";
    let expected = (401, "unauthenticated".to_owned(), detail.to_owned());
    for (name, token, why) in rows {
        let answer = site.beside.send(&site.pair(&token, "GET", PATH));
        let told = (answer.status, answer.text("code"), answer.text("detail"));
        table.row(name, &told, &expected, refused(why));
        table.demand(name, !answer.text("event").is_empty(), "no event is named");
    }

    let retired = good()
        .claim("client_id", RETIRED_AGENT)
        .claim("act", json!({ "sub": RETIRED_AGENT }))
        .claim("cnf", json!({ "jkt": jwk(&retired_key()).thumbprint() }))
        .sign(&token_key);
    let shown = proof(&retired, "GET", PATH, &retired_key()).sign(&retired_key());
    let request = Request::new("GET", PATH)
        .header("authorization", format!("DPoP {retired}"))
        .header("dpop", shown);
    let answer = site.beside.send(&request);
    let told = (answer.status, answer.text("code"), answer.text("detail"));
    table.row(
        "of an agent that was disabled",
        &told,
        &expected,
        refused("the agent is disabled"),
    );
    table.done();
}

#[test]
fn half_a_pair_is_nobody() {
    let site = turn();
    let token = site.delegated();
    let human = id_token("alice", &["soc"]).sign(&idp_key());
    let agent = assertion().sign(&site.agent);
    let ask = json!({ "host": "prod" });
    let post = |request: Request| request.json(&ask);
    let sessions = || Request::new("POST", PATH);
    let rows: Vec<(&str, Request, &str)> = vec![
        ("nothing", post(sessions()), "send `Authorization"),
        (
            "a human alone",
            post(sessions().bearer(&human)),
            "a human alone is no pair",
        ),
        (
            "an agent alone, as a bearer",
            post(sessions().bearer(&agent)),
            "a human alone is no pair",
        ),
        (
            "an agent alone, with a proof",
            post(site.pair(&agent, "POST", PATH)),
            "the delegated token is not accepted",
        ),
        (
            "a delegated token without proof",
            post(sessions().header("authorization", format!("DPoP {token}"))),
            "send the proof of possession",
        ),
        (
            "a delegated token as a bearer",
            post(sessions().bearer(&token)),
            "a human alone is no pair",
        ),
        (
            "a delegated token as a bearer where people may ask too",
            Request::new("GET", PATH).bearer(&token),
            "the ID token is not accepted",
        ),
        (
            "a proof without token",
            post(sessions().header("dpop", "x")),
            "send `Authorization",
        ),
        (
            "a password",
            post(sessions().header("authorization", "Basic YWxpY2U6c2VjcmV0")),
            "`Authorization` is `Bearer` or `DPoP`",
        ),
        (
            "a scheme without token",
            post(sessions().header("authorization", "Bearer")),
            "`Authorization` is a scheme, a space and a token",
        ),
        (
            "a pair where people administer",
            site.pair(&token, "GET", "/v1/agents"),
            "this is for people",
        ),
        (
            "a pair where bastions report",
            site.pair(&token, "POST", "/v1/events")
                .json(&json!({ "events": [] })),
            "this is for bastions",
        ),
    ];
    let mut table = Table::new(&site, "half pairs");
    for (name, request, advice) in rows {
        let answer = site.beside.send(&request);
        let told = (answer.status, answer.text("code"));
        let expected = (401, "unauthenticated".to_owned());
        table.row(name, &told, &expected, refused("unauthenticated: "));
        table.demand(
            name,
            answer.text("detail").contains(advice),
            answer.text("detail"),
        );
        table.demand(name, !answer.text("event").is_empty(), "no event is named");
    }
    table.done();
}

#[test]
fn a_stranger_who_shouts_is_counted() {
    const SHOUTS: usize = 80;
    let site = turn();
    let shout = Request::new("GET", PATH).bearer("x");
    let mut table = Table::patient(&site, "shouting");
    let mut told: Vec<_> = (0..SHOUTS)
        .map(|_| site.https.send(&shout).status)
        .collect();
    told.dedup();
    table.row(
        "all of it",
        &told,
        &vec![401],
        refused("it is not a JWT in compact form"),
    );
    // The next one that has room says how many had none.
    let counted = until("room", Duration::from_secs(10), || {
        site.https.send(&shout);
        let log = site.log_from(0);
        let said = log.iter().any(|(_, event)| {
            matches!(&event.body, Body::Refused { detail, .. } if detail.contains("refusals before this one were not recorded"))
        });
        Ok(said.then_some(()))
    });
    table.row("what had no room", &counted.is_ok(), &true, Logged::Any);
    // Meanwhile what others are refused is recorded as ever.
    let other = site.beside.send(&Request::new("GET", PATH).bearer("y"));
    table.row(
        "another stranger",
        &other.status,
        &401,
        refused("it is not a JWT in compact form"),
    );
    table.demand("another stranger", !other.text("event").is_empty(), &other);
    table.done();
}
