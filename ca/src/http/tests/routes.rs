//! No route without its proof, and no route that the specification does not have.

use axum::routing::MethodFilter;
use serde_json::json;

use super::lab::{Lab, Proof, bearer};
use crate::http::route::{Proof as Demanded, Route, table};
use crate::identity::testing as tokens;
use portreeve_protocol::secret::SecretText;

fn method(route: &Route) -> &'static str {
    [
        (MethodFilter::GET, "GET"),
        (MethodFilter::POST, "POST"),
        (MethodFilter::PUT, "PUT"),
    ]
    .into_iter()
    .find_map(|(filter, name)| (filter == route.method).then_some(name))
    .unwrap()
}

/// The route with something in place of each of its parameters.
fn path(route: &Route) -> String {
    route
        .path
        .replace("{id}", "019a0000-0000-7000-8000-000000000000")
        .replace("{team}", "soc")
        .replace("{name}", "forensics")
}

fn is_guarded(route: &Route) -> bool {
    !matches!(
        route.proof,
        Demanded::Nothing | Demanded::Client | Demanded::Ticket
    )
}

#[tokio::test]
async fn every_guarded_route_turns_away_who_proves_nothing() {
    let lab = Lab::ready().await;
    let garbage = SecretText::new("e30.e30.e30".into());
    let stale = lab.pair(&garbage, "GET", "/");
    for route in table().iter().filter(|route| is_guarded(route)) {
        for proof in [Proof::new(), bearer(&garbage), stale.clone()] {
            let answer = lab
                .json(method(route), &path(route), &proof, &json!({}))
                .await;
            assert_eq!(answer.status, 401, "{} {}", method(route), route.path);
            assert_eq!(answer.code(), "unauthenticated");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
}

#[tokio::test]
async fn every_guarded_route_turns_away_the_proof_of_another_kind() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    for route in table().iter().filter(|route| is_guarded(route)) {
        let (method, path) = (method(route), path(route));
        let proofs = [
            (Demanded::Person, lab.admin()),
            (Demanded::Pair, lab.pair(&token, method, &path)),
            (Demanded::Bastion, lab.bastion("b1")),
        ];
        for (kind, proof) in proofs {
            let fits = kind == route.proof
                || (route.proof == Demanded::PersonOrPair && kind != Demanded::Bastion);
            let answer = lab.json(method, &path, &proof, &json!({ "x": 1 })).await;
            assert_eq!(
                answer.status == 401,
                !fits,
                "{method} {path} {kind:?}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_proof_is_for_one_method_and_one_path() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    let proof = lab.pair(&token, "POST", "/v1/sessions");
    assert_eq!(lab.get("/v1/sessions", &proof).await.status, 401);
}

#[tokio::test]
async fn what_does_not_exist_looks_forbidden() {
    let lab = Lab::start().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v2/x"),
        ("DELETE", "/v1/agents"),
        ("GET", "/v1/events"),
    ] {
        let answer = lab.json(method, path, &Proof::new(), &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "not_permitted"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn public_routes_answer_everybody() {
    let lab = Lab::start().await;
    let metadata = lab
        .get("/.well-known/oauth-authorization-server", &Proof::new())
        .await;
    assert_eq!(metadata.is(200)["issuer"], tokens::CA);
    let keys = lab.get("/oauth2/jwks", &Proof::new()).await.is(200);
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    let checkpoint = lab.get("/v1/log/checkpoint", &Proof::new()).await;
    assert!(
        checkpoint.text.starts_with("ca.example.com/log\n"),
        "{checkpoint:?}"
    );
}

/// The table of routes in `docs/spec/api.md`, as `method path proof`.
fn specified() -> Vec<String> {
    let text = include_str!("../../../../docs/spec/api.md");
    let (_, table) = text.split_once("## Routes").unwrap();
    let (table, _) = table.split_once("## Refusals").unwrap();
    let mut routes = Vec::new();
    for line in table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
    {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (place, proof) = (cells.next().unwrap(), cells.next().unwrap());
        let (methods, path) = place.split_once(" `").unwrap();
        for method in methods.split(", ") {
            routes.push(format!("{method} {} {proof}", path.trim_end_matches('`')));
        }
    }
    routes.sort();
    routes
}

#[test]
fn the_specification_has_exactly_these_routes() {
    let mut routes: Vec<_> = table()
        .iter()
        .map(|route| {
            let proof = match route.proof {
                Demanded::Nothing => "none",
                Demanded::Client => "agent, by the form",
                Demanded::Person => "person",
                Demanded::Pair => "pair",
                Demanded::PersonOrPair => "person or pair",
                Demanded::Bastion => "bastion",
                Demanded::Ticket => "ticket",
            };
            format!("{} {} {proof}", method(route), route.path)
        })
        .collect();
    routes.sort();
    assert_eq!(routes, specified());
}
