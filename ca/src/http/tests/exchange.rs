//! The token endpoint.

use serde_json::json;

use super::lab::{Lab, bearer};
use crate::identity::testing as tokens;
use crate::store::Change;

/// The form with one parameter replaced; an empty value removes it.
fn with(
    form: &[(&'static str, String)],
    name: &'static str,
    value: &str,
) -> Vec<(&'static str, String)> {
    let mut form: Vec<_> = form
        .iter()
        .filter(|(known, _)| *known != name)
        .cloned()
        .collect();
    if !value.is_empty() {
        form.push((name, value.to_owned()));
    }
    form
}

#[tokio::test]
async fn a_human_and_an_agent_together_get_a_token() {
    let lab = Lab::ready().await;
    let form = lab.exchange_form(&lab.person("alice", &["soc"]));
    let answer = lab.exchange(&form).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = answer.is(200);
    assert_eq!(answer["token_type"], "DPoP");
    assert_eq!(answer["expires_in"], 900);
}

#[tokio::test]
async fn what_an_agent_is_handed_lets_it_act_for_its_human_and_not_as_its_human() {
    let lab = Lab::ready().await;
    let handed = tokens::id_token()
        .claim("aud", "portreeve-agents")
        .claim("groups", json!(["soc", "infra-admins"]))
        .claim("iat", lab.now().as_seconds())
        .claim("auth_time", lab.now().as_seconds())
        .claim("exp", lab.now().as_seconds() + 600)
        .sign(&tokens::idp_key());
    lab.exchange(&lab.exchange_form(&handed)).await.is(200);
    for path in ["/v1/sessions", "/v1/policy", "/v1/agents"] {
        let answer = lab.get(path, &bearer(&handed)).await;
        assert_eq!(answer.code(), "unauthenticated", "{path}");
    }
}

#[tokio::test]
async fn a_token_does_not_outlive_the_human_s() {
    let lab = Lab::ready().await;
    let now = lab.now().as_seconds();
    let subject = tokens::id_token()
        .claim("exp", now + 100)
        .sign(&tokens::idp_key());
    let answer = lab.exchange(&lab.exchange_form(&subject)).await.is(200);
    assert_eq!(answer["expires_in"], 100);
}

#[tokio::test]
async fn each_wrong_exchange_has_its_error() {
    let lab = Lab::ready().await;
    let subject = lab.person("alice", &["soc"]);
    let own = |draft: tokens::Draft| draft.sign(&tokens::agent_key()).expose().to_owned();
    let another = |draft: tokens::Draft| draft.sign(&tokens::key(9)).expose().to_owned();
    let unknown = tokens::assertion()
        .claim("iss", "soc/x")
        .claim("sub", "soc/x");
    let disabled_idp = tokens::id_token().claim("iss", "https://evil.example.com");
    let huge = "x".repeat(20_000);
    let table = [
        (
            400,
            "unsupported_grant_type",
            "grant_type",
            "client_credentials".to_owned(),
        ),
        (400, "invalid_request", "subject_token", String::new()),
        (400, "invalid_request", "actor_token", String::new()),
        (400, "invalid_request", "subject_token_type", "x".into()),
        (401, "invalid_client", "client_assertion", "x".into()),
        (
            401,
            "invalid_client",
            "client_assertion",
            another(tokens::assertion()),
        ),
        (401, "invalid_client", "client_assertion", own(unknown)),
        (
            401,
            "invalid_client",
            "client_assertion",
            own(tokens::actor_token()),
        ),
        (401, "invalid_client", "client_assertion", huge.clone()),
        (
            400,
            "invalid_request",
            "subject_token",
            disabled_idp.sign(&tokens::idp_key()).expose().into(),
        ),
        (
            400,
            "invalid_request",
            "subject_token",
            another(tokens::id_token()),
        ),
        (
            400,
            "invalid_request",
            "subject_token",
            own(tokens::actor_token()),
        ),
        (400, "invalid_request", "subject_token", huge),
        (
            400,
            "invalid_request",
            "actor_token",
            another(tokens::actor_token()),
        ),
        (
            400,
            "invalid_request",
            "actor_token",
            own(tokens::assertion()),
        ),
        (
            400,
            "invalid_request",
            "actor_token",
            subject.expose().into(),
        ),
        (400, "invalid_request", "client_id", "soc/other".into()),
        (
            400,
            "invalid_target",
            "audience",
            "https://api.example.com".into(),
        ),
    ];
    for (status, error, name, value) in table {
        let form = with(&lab.exchange_form(&subject), name, &value);
        let answer = lab.exchange(&form).await;
        assert_eq!(answer.is(status)["error"], error, "{name}");
    }
}

#[tokio::test]
async fn a_client_assertion_and_an_actor_token_are_used_once() {
    let lab = Lab::ready().await;
    let subject = lab.person("alice", &["soc"]);
    let form = lab.exchange_form(&subject);
    lab.exchange(&form).await.is(200);
    let again = lab.exchange(&form).await;
    assert_eq!(again.is(401)["error"], "invalid_client");
    let used = &form
        .iter()
        .find(|(name, _)| *name == "actor_token")
        .unwrap()
        .1;
    let fresh = with(&lab.exchange_form(&subject), "actor_token", used);
    assert_eq!(
        lab.exchange(&fresh).await.is(400)["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn a_disabled_agent_gets_no_token_and_its_tokens_are_void() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    let disabled = lab
        .post("/v1/agents/soc/forensics/disable", &lab.admin(), &json!({}))
        .await;
    assert_eq!(disabled.is(200)["enabled"], false);
    let form = lab.exchange_form(&lab.person("alice", &["soc"]));
    assert_eq!(lab.exchange(&form).await.is(401)["error"], "invalid_client");
    assert_eq!(lab.ask(&token, |_| {}).await.status, 401);
}

#[tokio::test]
async fn an_agent_that_is_enabled_again_works_as_before() {
    let lab = Lab::ready().await;
    for act in ["disable", "disable", "enable", "enable"] {
        let path = format!("/v1/agents/soc/forensics/{act}");
        let answer = lab.post(&path, &lab.admin(), &json!({})).await;
        assert_eq!(answer.is(200)["enabled"], act == "enable");
    }
    let form = lab.exchange_form(&lab.person("alice", &["soc"]));
    lab.exchange(&form).await.is(200);
    let path = "/v1/agents/soc/unknown/enable";
    let unknown = lab.post(path, &lab.admin(), &json!({})).await;
    assert_eq!(unknown.is(403)["code"], "not_permitted");
}

#[tokio::test]
async fn what_is_no_form_is_an_invalid_request() {
    let lab = Lab::ready().await;
    let json = vec![("content-type", "application/json".to_owned())];
    let answer = lab.raw("POST", "/oauth2/token", &json, "{}").await;
    assert_eq!(answer.is(400)["error"], "invalid_request");
}

#[tokio::test]
async fn a_deprovisioned_human_has_no_token_that_works() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    let human = format!("{}#alice", tokens::IDP);
    let change = Change::DeprovisionHuman {
        human,
        at: lab.now(),
    };
    lab.app
        .store()
        .commit(vec![change], Vec::new())
        .await
        .unwrap();
    let form = lab.exchange_form(&lab.person("alice", &["soc"]));
    assert_eq!(
        lab.exchange(&form).await.is(400)["error"],
        "invalid_request"
    );
    assert_eq!(lab.ask(&token, |_| {}).await.status, 401);
    assert_eq!(lab.get("/v1/sessions", &lab.analyst()).await.status, 401);
}
