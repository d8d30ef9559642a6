//! The identity provider of the tests: what its tokens say, and whom it refuses.

use portreeve_tests::{Host, Idp, Lab, Person, SignIn, Topology};
use serde_json::Value;

/// Plays the client: makes the authorisation request, lets the browser sign in, exchanges the code.
const CLIENT: &str = r#"
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { execFile } from 'node:child_process';

const [issuer, browser, withProof] = process.argv.slice(2);
const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
let query;
const server = createServer((request, response) => {
  query = new URL(request.url, 'http://127.0.0.1').searchParams;
  response.end('you may close this page');
});
server.listen(0, '127.0.0.1', () => {
  const redirect = `http://127.0.0.1:${server.address().port}/callback`;
  const url = new URL(`${issuer}/auth`);
  url.search = new URLSearchParams({
    client_id: 'portreeve', response_type: 'code', redirect_uri: redirect, state: 's', nonce: 'n',
    scope: 'openid email profile groups',
    ...(withProof === 'yes' ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
  });
  execFile(browser, [url.href], async (_, page) => {
    const answer = { page: JSON.parse(page), error: query?.get('error') ?? null };
    if (query?.get('code')) {
      const form = { grant_type: 'authorization_code', code: query.get('code'), redirect_uri: redirect,
        client_id: 'portreeve', code_verifier: verifier };
      const { id_token: token } = await (await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })).json();
      answer.claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      answer.header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
    }
    console.log(JSON.stringify(answer));
    server.close();
  });
});
"#;

#[test]
fn a_token_says_who_signed_in_how_and_when() {
    let lab = Lab::with(&Topology::empty().host("bastion", [])).unwrap();
    let bastion = lab.host("bastion");
    let idp = Idp::start(bastion, &Person::everyone()).unwrap();

    let alice = authorise(bastion, &idp, &Person::alice(), "yes");
    let claims = &alice["claims"];
    assert_eq!(claims["iss"], idp.issuer());
    assert_eq!(claims["aud"], Idp::CLIENT_ID);
    assert_eq!(claims["nonce"], "n");
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(claims["groups"], serde_json::json!(["soc"]));
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], "urn:example:acr:mfa");
    let (signed_in, issued) = (
        claims["auth_time"].as_i64().unwrap(),
        claims["iat"].as_i64().unwrap(),
    );
    assert!((0..60).contains(&(issued - signed_in)), "{claims}");
    assert_eq!(alice["header"]["alg"], "RS256");

    let dave = authorise(bastion, &idp, &Person::dave(), "yes");
    assert_eq!(
        dave["claims"]["amr"],
        serde_json::json!(["pwd"]),
        "dave has no second factor"
    );
    assert_eq!(dave["claims"]["acr"], "urn:example:acr:password");

    let unproved = authorise(bastion, &idp, &Person::alice(), "no");
    assert_eq!(
        unproved["claims"],
        Value::Null,
        "an authorisation request without a PKCE challenge was served"
    );
}

#[test]
fn a_wrong_secret_a_missing_code_and_a_disabled_person_are_refused() {
    let lab = Lab::with(&Topology::empty().host("bastion", [])).unwrap();
    let bastion = lab.host("bastion");
    let carol = Person::carol();
    let idp = Idp::start_on(bastion, 9401, "EdDSA", &[Person::alice(), carol.clone()]).unwrap();

    let wrong_password = Person {
        password: "wrong".to_owned(),
        ..Person::alice()
    };
    let wrong_code = Person::alice().with_otp("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let no_code = Person {
        otp_secret: None,
        ..Person::alice()
    };
    for person in [wrong_password, wrong_code, no_code, Person::dave()] {
        let answer = authorise(bastion, &idp, &person, "yes");
        let page: SignIn = serde_json::from_value(answer["page"].clone()).unwrap();
        assert_eq!(page.status, 401, "{person:?}");
        assert!(page.body.contains("is wrong"), "{page:?}");
        assert_eq!(answer["claims"], Value::Null);
    }

    assert_eq!(
        authorise(bastion, &idp, &carol, "yes")["header"]["alg"],
        "EdDSA"
    );
    idp.disable(&carol).unwrap();
    assert_eq!(
        authorise(bastion, &idp, &carol, "yes")["claims"],
        Value::Null
    );
}

#[test]
fn one_time_codes_are_those_of_the_standard() {
    let lab = Lab::with(&Topology::empty().host("bastion", [])).unwrap();
    let bastion = lab.host("bastion");
    // Starting it once puts the provider's files into place.
    let idp = Idp::start(bastion, &[]).unwrap();
    // RFC 6238, appendix B, cut to six digits.
    let vectors = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000_i64, "353130"),
    ];
    for (seconds, code) in vectors {
        let script = format!(
            "import {{ codeAt }} from '{}'; console.log(codeAt('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', {seconds}000))",
            idp.file("totp.mjs").display()
        );
        let output = bastion
            .run(&["node", "--input-type=module", "--eval", &script])
            .unwrap()
            .ok()
            .unwrap();
        assert_eq!(output.text(), code, "at {seconds} s");
    }
}

fn authorise(host: &Host, idp: &Idp, person: &Person, with_proof: &str) -> Value {
    host.write("/tmp/client.mjs", CLIENT, 0o644).unwrap();
    let browser = idp.browser_of(person).unwrap();
    let output = host
        .run(&[
            "node",
            "/tmp/client.mjs",
            idp.issuer(),
            &browser,
            with_proof,
        ])
        .unwrap()
        .ok()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}
