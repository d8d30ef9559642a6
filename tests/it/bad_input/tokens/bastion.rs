//! Assertions that are no bastion's.

use portreeve_protocol::token::ACTOR;
use portreeve_tests::installation::AGENT;
use serde_json::json;

use super::super::draft::{Draft, assertion_of, id_token, key};
use super::super::https::Request;
use super::super::now;
use super::super::site::{idp_key, turn};
use super::super::table::{Table, refused};

#[test]
fn only_a_bastion_reports_and_claims() {
    let site = turn();
    let identity = site.bastion_key();
    let own = || assertion_of("bastion:bastion-1");
    let wrong = |draft: Draft| draft.sign(&identity);
    let raw = identity.verifying_key().to_bytes();
    let rows: Vec<(&str, String, &str)> = vec![
        (
            "by a key of nobody",
            own().sign(&key(9)),
            "its signature does not hold",
        ),
        (
            "by an agent's key",
            own().sign(&site.agent),
            "its signature does not hold",
        ),
        (
            "of a bastion that nobody registered",
            assertion_of("bastion:bastion-2").sign(&key(9)),
            "its signer is not known here",
        ),
        (
            "of an agent",
            assertion_of(AGENT).sign(&site.agent),
            "its signer is not known here",
        ),
        (
            "of a person",
            id_token("alice", &["soc"]).sign(&idp_key()),
            "its signer is not known here",
        ),
        (
            "for another audience",
            wrong(own().claim("aud", "https://ca.example.net")),
            "it is for another audience",
        ),
        (
            "expired",
            wrong(own().claim("iat", now() - 90).claim("exp", now() - 40)),
            "it is expired",
        ),
        (
            "for too long",
            wrong(own().claim("exp", now() + 300)),
            "it lives longer than its kind may",
        ),
        (
            "of the type of an actor token",
            wrong(own().header("typ", ACTOR)),
            "its type is `actor+jwt`",
        ),
        (
            "with no algorithm",
            own().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the public key",
            own().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
    ];
    let detail = "the bastion's assertion is not accepted; make a new one";
    let expected = (401, "unauthenticated".to_owned(), detail.to_owned());
    let events = json!({ "events": [] });
    let mut table = Table::new(&site, "bastions' assertions");
    for (name, token, why) in rows {
        let request = Request::new("POST", "/v1/events")
            .bearer(&token)
            .json(&events);
        let answer = site.beside.send(&request);
        let told = (answer.status, answer.text("code"), answer.text("detail"));
        table.row(name, &told, &expected, refused(why));
        let feed = site
            .beside
            .send(&Request::new("GET", "/v1/feed").bearer(&token));
        let told = (feed.status, feed.text("code"), feed.text("detail"));
        table.row(name, &told, &expected, refused(why));
    }
    let good = Request::new("POST", "/v1/events")
        .bearer(&wrong(own()))
        .json(&events);
    let good = site.beside.send(&good);
    table.demand("a bastion's own", good.status == 200, &good);
    table.done();
}
