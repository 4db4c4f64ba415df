//! Who it is and which message it is.

use super::*;

#[test]
fn ids_are_text_or_whole_numbers() {
    for (id, text) in [
        (json!("x"), "x"),
        (json!(" x "), " x "),
        (json!(7), "7"),
        (json!(-7), "-7"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        let item = track(json!({"userId": id, "anonymousId": id})).unwrap();
        assert_eq!(item.who, Who { user: Some(text.into()), anonymous: Some(text.into()) });
    }
    assert!(track(json!({"userId": "é".repeat(128)})).is_ok());
    let wrong = [
        json!(""),
        json!(true),
        json!(1.5),
        json!([1]),
        json!({}),
        json!("é".repeat(129)),
        json!("a\nb"),
        json!("\u{0}"),
        json!("\u{85}"),
    ];
    for id in wrong {
        assert_eq!(at(track(json!({"userId": id}))), "/userId", "{id}");
        assert_eq!(at(track(json!({"anonymousId": id}))), "/anonymousId", "{id}");
        let alias = json!({"userId": "u", "previousId": id});
        assert_eq!(at(one(Kind::Alias, &alias)), "/previousId", "{id}");
        let group = json!({"userId": "u", "groupId": id});
        assert_eq!(at(one(Kind::Group, &group)), "/groupId", "{id}");
    }
    let body = b"{\"userId\":100000000000000000000,\"event\":\"e\"}";
    let item = call(Kind::Track, body, &received()).unwrap().items.remove(0);
    assert!(item.unwrap_err().reason.contains("send the id as text"));
}

#[test]
fn somebody_it_must_be() {
    for who in [json!({"userId": null}), json!({"userId": null, "anonymousId": null})] {
        let refused = track(who).unwrap_err();
        assert_eq!(refused.to_string(), "/userId: missing: send userId or anonymousId");
    }
    assert_eq!(short(&track(json!({"userId": null, "anonymousId": "a"})).unwrap()), "-/a e []");
}

#[test]
fn the_names_of_the_anonymous_are_the_services() {
    assert_eq!(at(track(json!({"userId": "anon:x"}))), "/userId");
    let alias = json!({"userId": "u", "previousId": "anon:x"});
    assert_eq!(at(one(Kind::Alias, &alias)), "/previousId");
    // It becomes "anon:anon:x", which is nobody else's.
    assert!(track(json!({"anonymousId": "anon:x"})).is_ok());
    assert!(track(json!({"userId": "anon"})).is_ok());
}

#[test]
fn messages_are_known_by_their_source_and_id() {
    assert_eq!(id_of("a", "b"), id_of("a", "b"));
    assert_ne!(id_of("a", "bc"), id_of("ab", "c"));
    assert_ne!(id_of("a", ""), id_of("", "a"));
    // What it is must not change: it outlives the program. sha256(0^7 1 'a' 'b').
    assert_eq!(id_of("a", "b"), MessageId(KNOWN));

    let id = |id| track(json!({"messageId": id})).map(|item| item.id);
    assert_eq!(id(json!("m")), Ok(Some(id_of("segment", "m"))));
    assert_eq!(id(json!(5)), Ok(Some(id_of("segment", "5"))));
    assert_eq!(id(json!(null)), Ok(None));
    assert!(id(json!("é".repeat(100))).is_ok());
    for wrong in [json!(""), json!("é".repeat(101)), json!(true), json!("a\tb")] {
        assert_eq!(id(wrong).unwrap_err().at, "/messageId");
    }
}

const KNOWN: u128 = 0xbfd8_d48c_5ab0_28a9_c554_ccc9_d65e_d6fc;
