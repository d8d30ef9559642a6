//! `POST /oauth2/token` with something wrong about the form, the agent's assertion or its actor token.

use portreeve_protocol::token::{ACTOR, CLIENT_ASSERTION};
use serde_json::json;

use super::super::draft::{
    Draft, actor_token, assertion, assertion_of, delegated, fresh, id_token, key, public,
};
use super::super::https::Request;
use super::super::now;
use super::super::site::{OTHER_AGENT, RETIRED_AGENT, Site, idp_key, other_key, retired_key, turn};
use super::super::table::{Logged, Table, refused};

type Form = Vec<(&'static str, String)>;

/// What the token endpoint answers: status and error code (RFC 6749, section 5.2).
type Told = (u16, String);

fn with(site: &Site, name: &str, value: String) -> Form {
    let mut form = site.exchange();
    let parameter = form.iter_mut().find(|(known, _)| *known == name);
    parameter.unwrap().1 = value;
    form
}

fn without(site: &Site, names: &[&str]) -> Form {
    let mut form = site.exchange();
    form.retain(|(known, _)| !names.contains(known));
    form
}

fn check(table: &mut Table<'_>, site: &Site, name: &str, form: &Form, told: Told, logged: Logged) {
    let request = Request::new("POST", "/oauth2/token").form(form);
    let answer = site.beside.send(&request);
    table.row(name, &(answer.status, answer.text("error")), &told, logged);
    let says_what_to_do = !answer.text("error_description").is_empty();
    table.demand(name, says_what_to_do, &answer);
    table.demand(name, !answer.body.contains("eyJ"), "a token in the answer");
}

#[test]
fn an_agent_that_does_not_prove_itself_gets_no_token() {
    let site = turn();
    let own = &site.agent;
    let line = public(own).to_string();
    let raw = own.verifying_key().to_bytes();
    let wrong = |draft: Draft| draft.sign(own);
    let rows: Vec<(&str, String, &str)> = vec![
        (
            "for another audience",
            wrong(assertion().claim("aud", "https://ca.example.net")),
            "it is for another audience",
        ),
        (
            "for several audiences",
            wrong(assertion().claim("aud", json!(["https://ca.example.com:8443"]))),
            "its claims do not fit",
        ),
        (
            "another issuer than subject",
            wrong(assertion().claim("iss", OTHER_AGENT)),
            "its issuer is not the one expected",
        ),
        (
            "by another agent's key",
            assertion().sign(&other_key()),
            "its signature does not hold",
        ),
        (
            "by a key of nobody",
            assertion().sign(&key(9)),
            "its signature does not hold",
        ),
        (
            "with an algorithm of the attacker's choice",
            wrong(assertion().header("alg", "ES256")),
            "its algorithm `ES256` is not accepted",
        ),
        (
            "with no algorithm",
            assertion().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the public key's bytes",
            assertion().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "keyed by the public key's line",
            assertion().confused(line.as_bytes()),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "expired",
            wrong(
                assertion()
                    .claim("iat", now() - 120)
                    .claim("exp", now() - 60),
            ),
            "it is expired",
        ),
        (
            "not yet valid",
            wrong(assertion().claim("nbf", now() + 120)),
            "it is not valid yet",
        ),
        (
            "from the future",
            wrong(
                assertion()
                    .claim("iat", now() + 120)
                    .claim("exp", now() + 180),
            ),
            "it was issued in the future",
        ),
        (
            "for too long",
            wrong(assertion().claim("exp", now() + 3600)),
            "it lives longer than its kind may",
        ),
        (
            "without `jti`",
            wrong(assertion().claim("jti", json!(null))),
            "its claims do not fit: missing field `jti`",
        ),
        (
            "with a short `jti`",
            wrong(assertion().claim("jti", "x")),
            "its `jti` is not 8 to 128 printable characters",
        ),
        (
            "without `exp`",
            wrong(assertion().claim("exp", json!(null))),
            "its claims do not fit: missing field `exp`",
        ),
        (
            "with a wrong-typed `exp`",
            wrong(assertion().claim("exp", "soon")),
            "its claims do not fit",
        ),
        (
            "of the type of an actor token",
            wrong(assertion().header("typ", ACTOR)),
            "its type is `actor+jwt`",
        ),
        (
            "with a critical extension",
            wrong(assertion().header("crit", json!(["b64"]))),
            "its header has `crit`",
        ),
        (
            "of an agent that nobody registered",
            assertion_of("soc/nobody").sign(&key(9)),
            "its signer is not known here",
        ),
        (
            "of an agent that was disabled",
            assertion_of(RETIRED_AGENT).sign(&retired_key()),
            "the agent is disabled",
        ),
        (
            "of a name that is no agent's",
            assertion_of("../../etc").sign(&key(9)),
            "its signer is not known here",
        ),
        (
            "of a bastion",
            assertion_of("bastion:bastion-1").sign(&key(9)),
            "its signer is not known here",
        ),
        (
            "a human's ID token instead",
            id_token("alice", &["soc"]).sign(&idp_key()),
            "its signer is not known here",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
        (
            "five parts",
            "a.b.c.d.e".into(),
            "it is not a JWT in compact form",
        ),
        (
            "longer than a token may be",
            format!("{}.e30.AA", "A".repeat(17 * 1024)),
            "it is longer than a token may be",
        ),
    ];
    let mut table = Table::new(&site, "client assertions");
    for (name, token, why) in rows {
        let form = with(&site, "client_assertion", token);
        let told = (401, "invalid_client".to_owned());
        check(&mut table, &site, name, &form, told, refused(why));
    }

    let used = site.exchange();
    let good = Request::new("POST", "/oauth2/token").form(&used);
    assert_eq!(site.beside.send(&good).status, 200);
    let mut again = site.exchange();
    again[2] = used[2].clone();
    let told = (401, "invalid_client".to_owned());
    let logged = refused("the client assertion is refused: it was used before");
    check(&mut table, &site, "used before", &again, told, logged);
    table.done();
}

#[test]
fn an_actor_that_is_not_the_client_gets_no_token() {
    let site = turn();
    let own = &site.agent;
    let raw = own.verifying_key().to_bytes();
    let of_other = Draft::of(&actor_token().sign(own))
        .claim("iss", OTHER_AGENT)
        .claim("sub", OTHER_AGENT);
    let wrong = |draft: Draft| draft.sign(own);
    let rows: Vec<(&str, String, &str)> = vec![
        (
            "another agent's",
            of_other.sign(&other_key()),
            "it was made by another agent than the client",
        ),
        (
            "by another agent's key",
            actor_token().sign(&other_key()),
            "its signature does not hold",
        ),
        (
            "with no algorithm",
            actor_token().unsigned(),
            "its algorithm `none` is not accepted",
        ),
        (
            "keyed by the public key",
            actor_token().confused(&raw),
            "its algorithm `HS256` is not accepted",
        ),
        (
            "expired",
            wrong(
                actor_token()
                    .claim("iat", now() - 120)
                    .claim("exp", now() - 60),
            ),
            "it is expired",
        ),
        (
            "not yet valid",
            wrong(actor_token().claim("nbf", now() + 120)),
            "it is not valid yet",
        ),
        (
            "for another audience",
            wrong(actor_token().claim("aud", "https://ca.example.net")),
            "it is for another audience",
        ),
        (
            "of the type of a client assertion",
            wrong(actor_token().header("typ", CLIENT_ASSERTION)),
            "its type is `client-authentication+jwt`",
        ),
        (
            "of no type",
            wrong(actor_token().header("typ", json!(null))),
            "its type is `none`",
        ),
        (
            "the human's ID token",
            id_token("alice", &["soc"]).sign(&idp_key()),
            "it was made by another agent than the client",
        ),
        ("no token", "x".into(), "it is not a JWT in compact form"),
    ];
    let mut table = Table::new(&site, "actor tokens");
    let told = || (400, "invalid_request".to_owned());
    for (name, token, why) in rows {
        let form = with(&site, "actor_token", token);
        check(&mut table, &site, name, &form, told(), refused(why));
    }

    let used = site.exchange();
    let good = Request::new("POST", "/oauth2/token").form(&used);
    assert_eq!(site.beside.send(&good).status, 200);
    let mut again = site.exchange();
    again[5] = used[5].clone();
    let logged = refused("the actor token is refused: it was used before");
    check(&mut table, &site, "used before", &again, told(), logged);

    let mut swapped = site.exchange();
    let subject = std::mem::take(&mut swapped[3].1);
    swapped[3].1 = std::mem::replace(&mut swapped[5].1, subject);
    let logged = refused("the ID token is refused: its signer is not known here");
    check(
        &mut table,
        &site,
        "human and agent swapped",
        &swapped,
        told(),
        logged,
    );
    table.done();
}

#[test]
fn a_form_that_is_no_exchange_gets_no_token() {
    let site = turn();
    let form = |name: &str, value: &str| with(&site, name, value.to_owned());
    let extended = |name: &'static str, value: &str| {
        let mut form = site.exchange();
        form.push((name, value.to_owned()));
        form
    };
    let (request, client) = ((400, "invalid_request"), (401, "invalid_client"));
    let id_type = "urn:ietf:params:oauth:token-type:id_token";
    let rows: Vec<(&str, Form, (u16, &str), &str)> = vec![
        (
            "a human alone",
            without(&site, &["actor_token"]),
            request,
            "`actor_token` is missing; a human alone is no pair",
        ),
        (
            "a human alone, without types",
            without(&site, &["actor_token", "actor_token_type"]),
            request,
            "a human alone is no pair",
        ),
        (
            "an agent alone",
            without(&site, &["subject_token"]),
            request,
            "`subject_token` is missing",
        ),
        (
            "an agent alone, without types",
            without(&site, &["subject_token", "subject_token_type"]),
            request,
            "`subject_token_type` must be",
        ),
        (
            "no client",
            without(&site, &["client_assertion", "client_assertion_type"]),
            client,
            "authenticate with `private_key_jwt`",
        ),
        (
            "no assertion",
            without(&site, &["client_assertion"]),
            request,
            "`client_assertion` is missing",
        ),
        (
            "another kind of assertion",
            form(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
            ),
            client,
            "authenticate with `private_key_jwt`",
        ),
        (
            "no grant type",
            without(&site, &["grant_type"]),
            request,
            "`grant_type` is missing",
        ),
        (
            "another grant type",
            form("grant_type", "client_credentials"),
            (400, "unsupported_grant_type"),
            "the grant type is not token exchange",
        ),
        (
            "an actor token called an ID token",
            form("actor_token_type", id_type),
            request,
            "`actor_token_type` must be",
        ),
        (
            "an ID token called an access token",
            form(
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            request,
            "`subject_token_type` must be",
        ),
        (
            "an ID token wanted",
            extended("requested_token_type", id_type),
            request,
            "`requested_token_type` must be",
        ),
        (
            "for another client",
            extended("client_id", OTHER_AGENT),
            request,
            "`client_id` is not the client that authenticated",
        ),
        (
            "for another audience",
            extended("audience", "https://api.example.com"),
            (400, "invalid_target"),
            "a token for another audience was asked for",
        ),
        (
            "a parameter twice",
            extended(
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            request,
            "a parameter is repeated",
        ),
        ("nothing", Vec::new(), request, "`grant_type` is missing"),
    ];
    let mut table = Table::new(&site, "forms of an exchange");
    for (name, form, (status, error), why) in rows {
        check(
            &mut table,
            &site,
            name,
            &form,
            (status, error.to_owned()),
            refused(why),
        );
    }

    let post = || Request::new("POST", "/oauth2/token");
    let urlencoded = "application/x-www-form-urlencoded";
    let bodies = [
        ("JSON", post().json(&json!({ "grant_type": "x" }))),
        ("no body", post()),
        (
            "bytes that are no form",
            post().body(urlencoded, b"\xff\xfe=%zz".to_vec()),
        ),
        (
            "more than 256 KiB",
            post().body(
                urlencoded,
                format!("subject_token={}", "x".repeat(256 * 1024)),
            ),
        ),
    ];
    for (name, body) in bodies {
        let answer = site.beside.send(&body);
        let told = (answer.status, answer.text("error"));
        table.row(
            name,
            &told,
            &(400, "invalid_request".to_owned()),
            refused(""),
        );
    }
    // What an honest client does comes through in the midst of all this.
    let token = site.delegated();
    table.demand("an honest client", !token.is_empty(), fresh());
    let pair = site.pair(&token, "GET", "/v1/sessions");
    let listed = site.beside.send(&pair);
    table.demand("an honest pair", listed.status == 200, &listed);
    let forged = delegated(&site.agent).sign(&site.token_key());
    let forged = site.beside.send(&site.pair(&forged, "GET", "/v1/sessions"));
    table.demand(
        "a draft in which nothing is wrong",
        forged.status == 200,
        &forged,
    );
    table.done();
}
