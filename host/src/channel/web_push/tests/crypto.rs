//! Encryption and signatures from the other side, and the examples of the standards.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};

use super::*;

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE.decode(text).unwrap()
}

/// HMAC, of which HKDF is made (RFC 5869).
fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
}

/// Key and nonce as RFC 8291 spells them out, section 3.4.
pub(super) fn derived(
    secret: &[u8],
    auth: &[u8],
    browser: &[u8],
    sender: &[u8],
    salt: &[u8],
) -> (Vec<u8>, [u8; 12]) {
    let shared = hmac(auth, &[secret]);
    let material = hmac(&shared, &[b"WebPush: info\0", browser, sender, &[1]]);
    let salted = hmac(salt, &[&material]);
    let key = hmac(&salted, &[b"Content-Encoding: aes128gcm\0", &[1]])[..16].to_vec();
    let nonce = hmac(&salted, &[b"Content-Encoding: nonce\0", &[1]]);
    (key, nonce[..12].try_into().unwrap())
}

/// What was sealed, without the delimiter of the last record.
pub(super) fn opened(key: &[u8], nonce: [u8; 12], sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap());
    let mut text = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let text = key.open_in_place(nonce, Aad::empty(), &mut text).unwrap();
    assert_eq!(text.last(), Some(&2));
    text[..text.len() - 1].to_vec()
}

/// What the token says, once its signature and head are checked.
pub(super) fn claims(headers: &HeaderMap, public: &str) -> Value {
    let header = headers["authorization"].to_str().unwrap();
    let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(key, public);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = decoded(signature);
    assert_eq!(signature.len(), 64);
    let verifier = Verifier::new(&ECDSA_P256_SHA256_FIXED, decoded(key));
    verifier.verify(signed.as_bytes(), &signature).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let head: Value = serde_json::from_slice(&decoded(head)).unwrap();
    assert_eq!(head, json!({"typ": "JWT", "alg": "ES256"}));
    serde_json::from_slice(&decoded(claims)).unwrap()
}

/// The example of RFC 8291, appendix A.
#[test]
fn the_standard_example_comes_out() {
    let secret = decoded("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
    let auth = decoded("BTBZMqHH6r4Tts7J_aSIgg");
    let salt: [u8; 16] = decoded("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
    let browser = decoded(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    );
    let sender = decoded(
        "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
    );
    let (key, nonce) = seal::keys(&secret, &auth, &browser, &sender, &salt).unwrap();
    assert_eq!(URL_SAFE.encode(key), "oIhVW04MRdy2XN9CiKLxTg");
    assert_eq!(URL_SAFE.encode(nonce), "4h_95klXJ5E_qnoN");
    let (other, other_nonce) = derived(&secret, &auth, &browser, &sender, &salt);
    assert_eq!((other.as_slice(), other_nonce), (&key[..], nonce));

    let text = b"When I grow up, I want to be a watermelon";
    let body = seal::record(&key, nonce, &salt, &sender, text).unwrap();
    assert_eq!(
        URL_SAFE.encode(body),
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY\
         WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS\
         gSxsj_Qulcy4a-fN"
    );
}

#[test]
fn new_keys_are_keys() {
    let (public, private) = new_keys().unwrap();
    assert_eq!((decoded(&public).len(), decoded(&private).len()), (65, 32));
    assert_eq!(public.len(), 87);
    assert_ne!(new_keys().unwrap(), new_keys().unwrap());
    let vapid = Vapid::new("mailto:a@b.example", &public, &private).unwrap();
    let said = vapid.authorization("https://push.example", Instant(1000)).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", said.parse().unwrap());
    assert_eq!(claims(&headers, &public)["exp"], 1 + 12 * 3600);
}

#[test]
fn tokens_do_not_pile_up() {
    let (public, private) = new_keys().unwrap();
    let vapid = Vapid::new("mailto:a@b.example", &public, &private).unwrap();
    for n in 0..1000 {
        assert!(vapid.authorization(&format!("https://{n}.example"), Instant(0)).is_some());
    }
    assert!(vapid.kept() <= 64);
    for at in [Instant::MIN, Instant::MAX] {
        assert!(vapid.authorization("https://push.example", at).is_some());
    }
}
