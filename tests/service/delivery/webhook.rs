//! Webhooks by the Standard Webhooks specification: what arrives, how often, and who signed it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::Sha256;

use super::scene::{HOME, Plan, SECRET, Scene};
use super::sink::{Seen, Sink};
use crate::service::tenant::now;

/// What is signed.
pub fn signed(seen: &Seen) -> Vec<u8> {
    let head = format!("{}.{}.", seen.header("webhook-id"), seen.header("webhook-timestamp"));
    [head.as_bytes(), &seen.body].concat()
}

/// The signatures with what is before their comma.
pub fn signatures(seen: &Seen) -> Vec<(String, Vec<u8>)> {
    let all = seen.header("webhook-signature").split(' ');
    let all = all.map(|one| one.split_once(',').expect("a version and a signature"));
    all.map(|(version, text)| (version.to_owned(), STANDARD.decode(text).unwrap())).collect()
}

/// Whether a signature is that of a shared secret, computed anew.
fn is_signed_by(signature: &[u8], secret: &str, content: &[u8]) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(content);
    mac.verify_slice(signature).is_ok()
}

fn hook(sink: &Sink, secrets: &[&str]) -> Value {
    json!({ "kind": "webhook", "settings": { "url": sink.url("/in?a=b"), "secrets": secrets } })
}

#[tokio::test]
async fn every_message_arrives_once_with_a_valid_signature() {
    let sink = Sink::good();
    let plan = Plan::on(&[("hook", "")]).leads("https://shop.example/cart?a=1&b=2");
    let scene = Scene::hooked("", &sink, &plan).await;
    let tenant = &scene.tenant;
    let users = ["ann", "bob", "cyd \u{1f680} \"'<>"];
    for user in users {
        tenant.tell(user).await;
    }
    sink.saw(3).await;
    for user in &users[..2] {
        let attempt = tenant.ends(user, "accepted").await;
        assert_eq!((attempt["tries"].as_u64(), attempt.get("reason")), (Some(0), None));
        assert!(attempt["settled"].as_i64().unwrap() <= now());
    }
    // A witness shows that nothing else was under way.
    tenant.tell("witness").await;
    let seen = sink.saw(4).await;
    assert_eq!(seen.len(), 4);
    let tracking: BTreeSet<String> = seen.iter().map(Seen::tracking).collect();
    assert_eq!(tracking.len(), 4, "each has its own");
    let mut written_to = BTreeSet::new();
    for one in &seen {
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/in"));
        assert_eq!(one.header("content-type"), "application/json");
        let at: i64 = one.header("webhook-timestamp").parse().unwrap();
        assert!((at - now() / 1000).abs() < 300, "{at} is not now, in seconds");
        let signatures = signatures(one);
        assert_eq!(signatures.len(), 1);
        assert_eq!(signatures[0].0, "v1");
        assert!(is_signed_by(&signatures[0].1, SECRET, &signed(one)));
        let mut forged = one.clone();
        forged.body.push(b' ');
        assert!(!is_signed_by(&signatures[0].1, SECRET, &signed(&forged)));

        let body = one.json();
        assert_eq!(body["type"], "message.push");
        let data = &body["data"];
        assert_eq!(data["tracking"], one.tracking());
        assert_eq!(
            (&data["title"], &data["body"]),
            (&json!("You are at cart"), &json!("Come back."))
        );
        assert_eq!(data["link"], "https://shop.example/cart?a=1&b=2");
        assert_eq!(data["channel"], "hook");
        for (name, path) in [("read", "r"), ("open", "o"), ("unsubscribe", "u")] {
            let link = data["links"][name].as_str().unwrap();
            assert!(link.starts_with(&format!("{HOME}/{path}/")), "{link}");
            assert!(link.ends_with(&one.tracking()), "{link}");
        }
        written_to.insert(data["user"].as_str().unwrap().to_owned());
    }
    let everybody = users.into_iter().chain(["witness"]).map(str::to_owned).collect();
    assert_eq!(written_to, everybody);
    let said = { scene }.stage.stop();
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}

#[tokio::test]
async fn secrets_change_without_a_message_that_cannot_be_checked() {
    let old = SECRET;
    let new = &format!("whsec_{}", STANDARD.encode([9; 32]));
    let seed = [3; 32];
    let private = &format!("whsk_{}", STANDARD.encode(seed));
    let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = UnparsedPublicKey::new(&ED25519, public.public_key().as_ref().to_vec());

    let sink = Sink::good();
    let scene = Scene::hooked("", &sink, &Plan::on(&[("hook", "")])).await;
    let tenant = &scene.tenant;
    // Both for a while, the old one sent back as it was shown.
    let rounds: [(&str, Vec<&str>, Vec<&str>); 4] = [
        ("ann", vec![old], vec![old]),
        ("bob", vec!["***", new], vec![old, new]),
        ("cyd", vec![new, private], vec![new, private]),
        ("dan", vec![private], vec![private]),
    ];
    for (round, (user, sent, signing)) in rounds.into_iter().enumerate() {
        let shown = tenant.put("hook", &hook(&sink, &sent)).send().await.is(200).json();
        let hidden = vec!["***"; sent.len()];
        assert_eq!(shown["settings"]["secrets"], json!(hidden));
        tenant.tell(user).await;
        let seen = sink.saw(round + 1).await.pop().unwrap();
        assert_eq!(seen.json()["data"]["user"], user);
        let signatures = signatures(&seen);
        assert_eq!(signatures.len(), signing.len());
        for ((version, signature), secret) in signatures.iter().zip(signing) {
            if secret == private {
                assert_eq!(version, "v1a");
                public.verify(&signed(&seen), signature).unwrap();
            } else {
                assert_eq!(version, "v1");
                assert!(is_signed_by(signature, secret, &signed(&seen)));
            }
        }
    }
    for wrong in [vec![], vec!["no secret"], vec!["whsec_AAAA"], vec![old; 4]] {
        let got = tenant.put("hook", &hook(&sink, &wrong)).send().await.is(400);
        assert!(got.pointers().iter().all(|at| at.starts_with("/settings/secrets")), "{got:?}");
    }
}
