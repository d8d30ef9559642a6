//! Tables of forged tokens: each is the right one with one thing wrong, and each has a fault of
//! its own.

use portreeve_protocol::secret::SecretText;
use portreeve_protocol::token::MAX_TOKEN;
use serde_json::json;

use super::testing::*;
use super::{
    AuthenticatedAgent, Delegation, Once, Refused, Request, TokenFault, TokenKey,
    authenticate_agent, authenticate_bastion, claimed_agent, verify_actor, verify_delegated,
};

/// What is wrong, without the words that follow from the input.
fn name(refused: &Refused) -> String {
    let text = format!("{:?}", refused.fault);
    text.split('(').next().unwrap_or_default().to_owned()
}

fn raw(text: &str) -> SecretText {
    SecretText::new(text.into())
}

#[tokio::test]
async fn an_id_token_makes_a_person() {
    let person = issuers()
        .authenticate(&id_token().sign(&idp_key()), now())
        .await
        .unwrap();
    assert_eq!(person.human().id(), "https://idp.example.com#alice");
    assert_eq!(person.human().name.as_str(), "alice@example.com");
    assert_eq!(person.groups(), ["soc"]);
    assert_eq!(person.sign_in().amr, ["pwd", "otp"]);
}

#[tokio::test]
async fn a_token_for_agents_makes_a_subject_and_no_person() {
    let both = ["portreeve", "portreeve-agents"];
    for (draft, as_person, as_subject) in [
        (id_token(), None, None),
        (
            id_token().claim("aud", "portreeve-agents"),
            Some("Audience"),
            None,
        ),
        (
            id_token().claim("aud", "other"),
            Some("Audience"),
            Some("Audience"),
        ),
        (
            id_token()
                .claim("aud", json!(both))
                .claim("azp", "portreeve-agents"),
            Some("AuthorizedParty"),
            None,
        ),
        (
            id_token().claim("aud", json!(both)).claim("azp", "other"),
            Some("AuthorizedParty"),
            Some("AuthorizedParty"),
        ),
    ] {
        let token = draft.sign(&idp_key());
        let person = issuers().authenticate(&token, now()).await.err();
        let subject = issuers().subject(&token, now()).await.err();
        assert_eq!(person.as_ref().map(name).as_deref(), as_person);
        assert_eq!(subject.as_ref().map(name).as_deref(), as_subject);
    }
}

#[tokio::test]
async fn each_forged_id_token_is_refused_for_what_is_wrong_with_it() {
    let at = now().as_seconds();
    let good = id_token;
    let signed = |draft: Draft| draft.sign(&idp_key());
    let many: Vec<String> = (0..65).map(|n| format!("group-{n}")).collect();
    let table = [
        (
            "UnknownSigner",
            signed(good().claim("iss", "https://evil.example.com")),
        ),
        (
            "UnknownSigner",
            signed(good().claim("iss", "https://idp.example.com/")),
        ),
        ("Malformed", signed(good().claim("iss", json!(null)))),
        ("Audience", signed(good().claim("aud", "another"))),
        ("Audience", signed(good().claim("aud", json!([])))),
        (
            "AuthorizedParty",
            signed(good().claim("aud", json!([CLIENT_ID, "another"]))),
        ),
        ("AuthorizedParty", signed(good().claim("azp", "another"))),
        ("Algorithm", good().unsigned()),
        ("Algorithm", signed(good().header("alg", "None"))),
        (
            "Algorithm",
            good().confused(idp_key().verifying_key().as_bytes()),
        ),
        ("Algorithm", good().confused(&key_set())),
        ("Algorithm", signed(good().header("alg", "RS256"))),
        ("UnfitKey", signed(good().header("alg", "ES256"))),
        ("UnknownKey", signed(good().header("kid", "idp-2"))),
        ("Signature", good().sign(&agent_key())),
        ("Type", signed(good().header("typ", "at+jwt"))),
        ("Critical", signed(good().header("crit", json!(["b64"])))),
        ("Expired", signed(good().claim("exp", at - 31))),
        ("NotYetValid", signed(good().claim("nbf", at + 31))),
        ("FromTheFuture", signed(good().claim("iat", at + 31))),
        ("TooOld", signed(good().claim("iat", at - 12 * 3600 - 1))),
        (
            "FromTheFuture",
            signed(good().claim("auth_time", at + 3600)),
        ),
        ("Claims", signed(good().claim("auth_time", json!(null)))),
        ("Claims", signed(good().claim("exp", json!(null)))),
        ("Claims", signed(good().claim("exp", "soon"))),
        ("Claims", signed(good().claim("exp", json!(1e300)))),
        ("Subject", signed(good().claim("sub", ""))),
        ("Subject", signed(good().claim("sub", "a b"))),
        ("Groups", signed(good().claim("groups", json!(many)))),
        (
            "Groups",
            signed(good().claim("groups", json!(["x".repeat(129)]))),
        ),
        (
            "Claims",
            signed(good().claim("groups", json!([{ "name": "soc" }]))),
        ),
        (
            "NoName",
            signed(good().claim("email", "a b").claim("sub", "a:b")),
        ),
        ("TooLong", raw(&"x".repeat(MAX_TOKEN + 1))),
        ("Malformed", raw("")),
        ("Malformed", raw("a.b")),
        ("Malformed", raw("a.b.c.d")),
        ("Malformed", raw("e30.e30.")),
        ("Malformed", raw("not base64.e30.e30")),
    ];
    let issuers = issuers();
    for (index, (expected, token)) in table.iter().enumerate() {
        let refused = issuers.authenticate(token, now()).await.unwrap_err();
        assert_eq!(name(&refused), *expected, "row {index}: {refused}");
    }
}

#[tokio::test]
async fn an_id_token_may_differ_where_nothing_hangs_on_it() {
    let at = now().as_seconds();
    for draft in [
        id_token().header("kid", json!(null)),
        id_token().header("typ", json!(null)),
        id_token().claim("aud", json!([CLIENT_ID])),
        id_token()
            .claim("aud", json!([CLIENT_ID, "other"]))
            .claim("azp", CLIENT_ID),
        id_token().claim("exp", at - 29),
        id_token()
            .claim("iat", json!(1.789_999_99e9))
            .claim("auth_time", at - 3600),
        id_token().claim("groups", json!(null)),
        id_token().claim("nonce", "whatever"),
    ] {
        let outcome = issuers().authenticate(&draft.sign(&idp_key()), now()).await;
        assert!(outcome.is_ok(), "{draft:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_address_that_nobody_checked_is_no_name() {
    let draft = id_token().claim("email_verified", false);
    let person = issuers()
        .authenticate(&draft.sign(&idp_key()), now())
        .await
        .unwrap();
    assert_eq!(person.human().name.as_str(), "alice");
    assert_eq!(person.email(), None);
}

fn authenticated() -> AuthenticatedAgent {
    let token = assertion().sign(&agent_key());
    authenticate_agent(token.expose(), Some(agent_record()), CA, now())
        .unwrap()
        .unspent()
}

#[test]
fn an_agent_is_known_by_its_assertion_and_its_actor_token() {
    let token = assertion().sign(&agent_key());
    assert_eq!(claimed_agent(token.expose()).unwrap(), agent_record().agent);
    let actor = actor_token().sign(&agent_key());
    assert!(verify_actor(actor.expose(), &authenticated(), CA, now()).is_ok());
}

#[test]
fn each_forged_assertion_is_refused_for_what_is_wrong_with_it() {
    let at = now().as_seconds();
    let good = assertion;
    let signed = |draft: Draft| draft.sign(&agent_key());
    let table = [
        ("Issuer", signed(good().claim("iss", "soc/other"))),
        ("Subject", signed(good().claim("sub", "soc/other"))),
        (
            "Audience",
            signed(good().claim("aud", "https://ca.example.com")),
        ),
        ("Claims", signed(good().claim("aud", json!([CA])))),
        ("Algorithm", good().unsigned()),
        (
            "Algorithm",
            good().confused(agent_key().verifying_key().as_bytes()),
        ),
        ("Algorithm", signed(good().header("alg", "ES256"))),
        ("Signature", good().sign(&key(9))),
        ("Type", signed(good().header("typ", "JWT"))),
        ("Type", signed(good().header("typ", json!(null)))),
        ("Type", signed(actor_token())),
        ("Critical", signed(good().header("crit", json!([])))),
        (
            "Expired",
            signed(good().claim("iat", at - 120).claim("exp", at - 31)),
        ),
        ("NotYetValid", signed(good().claim("nbf", at + 31))),
        (
            "FromTheFuture",
            signed(good().claim("iat", at + 31).claim("exp", at + 60)),
        ),
        ("LivesTooLong", signed(good().claim("exp", at + 301))),
        ("TokenId", signed(good().claim("jti", "short"))),
        ("TokenId", signed(good().claim("jti", "x".repeat(129)))),
        ("TokenId", signed(good().claim("jti", "with a space"))),
        ("Claims", signed(good().claim("jti", json!(null)))),
        ("TooLong", raw(&"x".repeat(MAX_TOKEN + 1))),
        ("Malformed", raw("..")),
    ];
    for (index, (expected, token)) in table.iter().enumerate() {
        let refused =
            authenticate_agent(token.expose(), Some(agent_record()), CA, now()).unwrap_err();
        assert_eq!(name(&refused), *expected, "row {index}: {refused}");
    }
}

#[test]
fn unknown_and_disabled_agents_do_not_authenticate() {
    let token = assertion().sign(&agent_key());
    let unknown = authenticate_agent(token.expose(), None, CA, now()).unwrap_err();
    assert_eq!(unknown.fault, TokenFault::UnknownSigner);
    let mut disabled = agent_record();
    disabled.enabled = false;
    let refused = authenticate_agent(token.expose(), Some(disabled), CA, now()).unwrap_err();
    assert_eq!(refused.fault, TokenFault::AgentDisabled);
}

#[test]
fn an_actor_token_is_the_client_s_own() {
    let other = actor_token()
        .claim("iss", "soc/other")
        .claim("sub", "soc/other");
    for (expected, token) in [
        ("ActorIsAnother", other.sign(&key(9))),
        ("Signature", actor_token().sign(&key(9))),
        ("Type", assertion().sign(&agent_key())),
        (
            "Issuer",
            actor_token().claim("iss", "soc/other").sign(&agent_key()),
        ),
        // The human's token in the agent's place.
        ("ActorIsAnother", id_token().sign(&idp_key())),
    ] {
        let refused = verify_actor(token.expose(), &authenticated(), CA, now()).unwrap_err();
        assert_eq!(name(&refused), expected, "{refused}");
    }
}

#[tokio::test]
async fn the_agent_s_token_does_not_stand_for_a_human() {
    let refused = issuers()
        .authenticate(&actor_token().sign(&agent_key()), now())
        .await
        .unwrap_err();
    assert_eq!(refused.fault, TokenFault::UnknownSigner);
}

fn delegate(token: SecretText, proof: &SecretText) -> Result<Once<Delegation>, Refused> {
    let key = TokenKey::new(&public(&token_key())).unwrap();
    let request = Request {
        method: "POST",
        path: "/v1/sessions",
        at: now(),
    };
    verify_delegated(token, &key, CA, now())?.prove(
        proof.expose(),
        Some(agent_record()),
        CA,
        request,
    )
}

fn delegate_with_good_proof(token: SecretText) -> Result<Once<Delegation>, Refused> {
    let proof = proof(&token, "POST", "/v1/sessions", &agent_key()).sign(&agent_key());
    delegate(token, &proof)
}

#[test]
fn a_delegated_token_with_its_proof_makes_a_pair() {
    let once = delegate_with_good_proof(delegated().sign(&token_key())).unwrap();
    let delegation = once.unspent();
    assert_eq!(
        delegation.pair().to_string(),
        "portreeve://soc/forensics/alice@example.com"
    );
    assert_eq!(delegation.groups(), ["soc"]);
}

#[test]
fn each_forged_delegated_token_is_refused_for_what_is_wrong_with_it() {
    let at = now().as_seconds();
    let good = delegated;
    let signed = |draft: Draft| draft.sign(&token_key());
    let swapped = good()
        .claim("sub", "soc/forensics")
        .claim("act", json!({ "sub": "soc/alice" }))
        .claim("client_id", "soc/alice");
    let table = [
        ("Issuer", signed(good().claim("iss", IDP))),
        (
            "Audience",
            signed(good().claim("aud", "https://api.example.com")),
        ),
        ("Algorithm", good().unsigned()),
        (
            "Algorithm",
            good().confused(token_key().verifying_key().as_bytes()),
        ),
        ("Signature", good().sign(&agent_key())),
        ("Type", signed(good().header("typ", "JWT"))),
        ("Expired", signed(good().claim("exp", at - 31))),
        ("FromTheFuture", signed(good().claim("iat", at + 31))),
        ("NoActor", signed(good().claim("act", json!(null)))),
        (
            "ActorIsNotClient",
            signed(good().claim("client_id", "soc/other")),
        ),
        ("SubjectIsNotTheHuman", signed(swapped)),
        (
            "SubjectIsNotTheHuman",
            signed(good().claim("human_sub", "bob")),
        ),
        (
            "Binding",
            signed(good().claim("cnf", json!({ "jkt": "x" }))),
        ),
        ("Claims", signed(good().claim("cnf", json!(null)))),
        ("Claims", signed(good().claim("client_id", json!(null)))),
        ("TooLong", raw(&"x".repeat(MAX_TOKEN + 1))),
    ];
    for (index, (expected, token)) in table.into_iter().enumerate() {
        let refused = delegate_with_good_proof(token).unwrap_err();
        assert_eq!(name(&refused), expected, "row {index}: {refused}");
    }
}

#[test]
fn each_forged_proof_is_refused_for_what_is_wrong_with_it() {
    let at = now().as_seconds();
    let token = delegated().sign(&token_key());
    let good = || proof(&token, "POST", "/v1/sessions", &agent_key());
    let signed = |draft: Draft| draft.sign(&agent_key());
    let private = json!({
        "kty": "OKP", "crv": "Ed25519", "d": "AAAA",
        "x": good().header["jwk"]["x"],
    });
    let table = [
        (
            "ProofKey",
            proof(&token, "POST", "/v1/sessions", &key(9)).sign(&key(9)),
        ),
        ("Signature", good().sign(&key(9))),
        (
            "ProofMethod",
            signed(proof(&token, "GET", "/v1/sessions", &agent_key())),
        ),
        (
            "ProofUrl",
            signed(proof(&token, "POST", "/v1/events", &agent_key())),
        ),
        (
            "ProofUrl",
            signed(good().claim("htu", "https://evil.example.com/v1/sessions")),
        ),
        (
            "ProofToken",
            signed(proof(&raw("other"), "POST", "/v1/sessions", &agent_key())),
        ),
        ("Expired", signed(good().claim("iat", at - 61))),
        ("FromTheFuture", signed(good().claim("iat", at + 61))),
        ("Type", signed(good().header("typ", "JWT"))),
        ("UnfitKey", signed(good().header("jwk", json!(null)))),
        ("UnfitKey", signed(good().header("jwk", private))),
        ("Algorithm", good().unsigned()),
        (
            "Algorithm",
            good().confused(agent_key().verifying_key().as_bytes()),
        ),
        ("TokenId", signed(good().claim("jti", "x"))),
        ("Malformed", raw("x")),
    ];
    for (index, (expected, proof)) in table.iter().enumerate() {
        let refused = delegate(delegated().sign(&token_key()), proof).unwrap_err();
        assert_eq!(name(&refused), *expected, "row {index}: {refused}");
    }
}

#[tokio::test]
async fn a_token_is_used_once() {
    let first = delegate_with_good_proof(delegated().sign(&token_key())).unwrap();
    let outcome = first.spend(async |_| Ok::<_, ()>(false)).await.unwrap();
    assert_eq!(outcome.unwrap_err().fault, TokenFault::Replayed);
    let second = delegate_with_good_proof(delegated().sign(&token_key())).unwrap();
    assert!(
        second
            .spend(async |_| Ok::<_, ()>(true))
            .await
            .unwrap()
            .is_ok()
    );
}

#[test]
fn a_bastion_is_known_by_its_assertion() {
    let at = now().as_seconds();
    let good = || {
        assertion()
            .claim("iss", "bastion:b1")
            .claim("sub", "bastion:b1")
    };
    let name_of = || "b1".parse().unwrap();
    let identity = public(&agent_key());
    let check = |token: SecretText| {
        authenticate_bastion(token.expose(), name_of(), Some(&identity), CA, now())
    };
    assert!(check(good().sign(&agent_key())).is_ok());
    for (expected, token) in [
        ("Signature", good().sign(&key(9))),
        (
            "LivesTooLong",
            good().claim("exp", at + 61).sign(&agent_key()),
        ),
        (
            "Issuer",
            good().claim("iss", "bastion:b2").sign(&agent_key()),
        ),
        ("Audience", good().claim("aud", IDP).sign(&agent_key())),
        ("Issuer", assertion().sign(&agent_key())),
    ] {
        assert_eq!(name(&check(token).unwrap_err()), expected);
    }
    let unknown = authenticate_bastion(
        good().sign(&agent_key()).expose(),
        name_of(),
        None,
        CA,
        now(),
    );
    assert_eq!(unknown.unwrap_err().fault, TokenFault::UnknownSigner);
}

#[test]
fn symmetric_algorithms_cannot_be_configured() {
    for algorithm in ["none", "HS256", "HS512", "", "rs256"] {
        let mut settings = issuer_settings();
        settings.algorithms = vec![algorithm.into()];
        assert!(super::Issuer::new(settings).is_err(), "{algorithm}");
    }
}

#[test]
fn a_symmetric_key_in_a_key_set_is_no_key() {
    let mut settings = issuer_settings();
    settings.keys = super::KeyOrigin::KeySet(br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_vec());
    assert!(super::Issuer::new(settings).is_err());
}
