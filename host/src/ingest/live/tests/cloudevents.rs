//! CloudEvents in all three modes.

use super::*;
use crate::ingest::live::cloudevents::read;

const EVENT: [(&str, &str); 5] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/shop"),
    ("ce-type", "com.shop.paid"),
    ("ce-subject", "u"),
];

/// Binary mode, the headers of [`EVENT`] changed by `more`; an empty value is no header.
fn binary(more: &[(&str, &str)], body: &[u8]) -> Result<Item, Refused> {
    let headers = |name: &str| {
        let all = more.iter().chain(&EVENT);
        let found = all.map(|(key, value)| (*key, *value)).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_bytes()).filter(|value| !value.is_empty())
    };
    let mut items = read(headers, body, &received())?;
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn typed(media: &str, body: &str) -> Result<Vec<Result<Item, Refused>>, Refused> {
    let headers = |name: &str| (name == "content-type").then_some(media.as_bytes());
    read(headers, body.as_bytes(), &received())
}

fn structured(more: Json) -> Result<Item, Refused> {
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "t", "subject": "u"});
    let body = with(event, more).to_string();
    typed("Application/CloudEvents+JSON; charset=utf-8", &body).unwrap().remove(0)
}

#[test]
fn binary_is_headers_and_data() {
    let json = [("content-type", "application/json"), ("ce-time", "2026-03-02T10:00:00+01:00")];
    let item = binary(&json, br#"{"a":{"b":1},"userId":"other"}"#).unwrap();
    assert_eq!(short(&item), "u/- com.shop.paid [a.b=1 userId=other]");
    assert_eq!(item.at, Instant(NOW - 3_600_000));
    assert_eq!(item.id, Some(id_of("cloudevents /shop", "1")));
    let item = binary(&[], b"").unwrap();
    assert_eq!((short(&item), item.at), ("u/- com.shop.paid []".into(), Instant(NOW)));
    assert_eq!(short(&binary(&[], b"{\"a\":1}").unwrap()), "u/- com.shop.paid [a=1]");
    for (media, body, data) in [
        ("Text/Plain; charset=utf-8", "{}", "[data={}]"),
        ("application/octet-stream", "{}", "[data=e30=]"),
        ("application/x-www-form-urlencoded", "a", "[data=YQ==]"),
        ("application/vnd.shop+json", "[1, 2]", "[data=[1,2]]"),
        ("application/json", "\"x\"", "[data=x]"),
        ("application/json", "5", "[data=5]"),
        ("application/json", "null", "[]"),
    ] {
        let item = binary(&[("content-type", media)], body.as_bytes()).unwrap();
        assert_eq!(short(&item), format!("u/- com.shop.paid {data}"), "{media}");
    }
}

#[test]
fn what_binary_lacks_is_named() {
    for (header, value) in [
        ("ce-specversion", ""),
        ("ce-specversion", "0.3"),
        ("ce-id", ""),
        ("ce-source", ""),
        ("ce-type", ""),
        ("ce-subject", ""),
        ("ce-subject", "anon:x"),
        ("ce-time", "soon"),
        ("ce-nudgekind", "x"),
        ("ce-datacontenttype", "text/plain"),
        ("ce-id", "%0A"),
    ] {
        let refused = binary(&[(header, value)], b"").unwrap_err();
        assert_eq!((&*refused.at, refused.kind), (header, Fault::Invalid), "{refused}");
    }
    let json = [("content-type", "application/json")];
    assert_eq!(binary(&json, b"{").unwrap_err().kind, Fault::Malformed);
    let text = [("content-type", "text/plain")];
    assert_eq!(binary(&text, b"\xff").unwrap_err().kind, Fault::Malformed);
    let refused = binary(&[("ce-subject", "")], br#"{"user":true}"#).unwrap_err();
    assert_eq!(refused.at, "/user");
    let refused =
        binary(&json, format!("{{\"a\":{{\"b\":\"{}\"}}}}", "x".repeat(25_000)).as_bytes());
    assert_eq!(refused.unwrap_err().at, "/a/b");
    assert_eq!(binary(&[], &[b' '; 40_000]).unwrap_err().kind, Fault::TooLarge);
}

#[test]
fn header_values_are_decoded() {
    for (value, name) in [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("Euro%20%e2%82%ac", "Euro €"),
        ("%61bc%2525", "abc%25"),
        ("\"a b\"", "a b"),
        ("\"a \\\"b\\\" \\\\ %41\"", "a \"b\" \\ A"),
        ("  a\tb ", "a\tb"),
        ("a\"b\"", "a\"b\""),
        ("é", "é"),
    ] {
        let item = binary(&[("ce-type", value)], b"");
        match name.contains('\t') {
            true => assert_eq!(at(item), "ce-type"),
            false => assert_eq!(short(&item.unwrap()), format!("u/- {name} []")),
        }
    }
    for wrong in ["%C0%A0", "%ff", "%E2%82", "%", "%4", "%zz", "%+1", "\"a", "\"a\"b", "\"a\\"] {
        for header in ["ce-type", "ce-id", "ce-subject", "ce-time", "ce-nudgekind"] {
            let refused = binary(&[(header, wrong)], b"").unwrap_err();
            assert_eq!((&*refused.at, refused.kind), (header, Fault::Invalid), "{wrong}");
        }
    }
}

#[test]
fn the_kind_may_be_another() {
    for (kind, what) in [
        ("operation", "t [a=1]"),
        ("page", "page t [a=1]"),
        ("profile", "profile [a=1]"),
        ("hidden", "hidden"),
        ("heartbeat", "heartbeat"),
    ] {
        let item = structured(json!({"nudgekind": kind, "data": {"a": 1}})).unwrap();
        assert_eq!(short(&item), format!("u/- {what}"));
    }
    assert_eq!(at(structured(json!({"nudgekind": "Page"}))), "/nudgekind");
    assert_eq!(at(structured(json!({"nudgekind": 5}))), "/nudgekind");
}

#[test]
fn the_user_is_the_subject_or_in_the_data() {
    let who = |more| structured(with(json!({"subject": null}), more)).map(|item| item.who);
    let user = |user: &str| Ok(Who { user: Some(user.into()), anonymous: None });
    assert_eq!(who(json!({"data": {"user": "x", "userId": "y"}})), user("x"));
    assert_eq!(who(json!({"data": {"userId": 5}})), user("5"));
    let anonymous = Who { user: None, anonymous: Some("a".into()) };
    assert_eq!(who(json!({"data": {"anonymousId": "a"}})), Ok(anonymous));
    assert_eq!(who(json!({"subject": "s", "data": {"user": true}})), user("s"));
    for (more, place) in [
        (json!({}), "/subject"),
        (json!({"data": "user"}), "/subject"),
        (json!({"subject": ""}), "/subject"),
        (json!({"subject": 5}), "/subject"),
        (json!({"data": {"user": {}}}), "/data/user"),
        (json!({"data": {"userId": "anon:x"}}), "/data/userId"),
        (json!({"data": {"anonymousId": ""}}), "/data/anonymousId"),
    ] {
        assert_eq!(who(more.clone()).unwrap_err().at, place, "{more}");
    }
}

#[test]
fn structured_is_all_in_the_body() {
    let item =
        structured(json!({"data": {"a": {"b": 1}}, "time": "2026-03-02T09:00:00Z", "ext": 5}))
            .unwrap();
    assert_eq!((short(&item), item.at), ("u/- t [a.b=1]".into(), Instant(NOW - 3_600_000)));
    assert_eq!(item.id, Some(id_of("cloudevents /shop", "1")));
    for (data, shown) in [
        (json!({"data": "x"}), "[data=x]"),
        (json!({"data": [1, {"b": 1, "a": 2}]}), r#"[data=[1,{"a":2,"b":1}]]"#),
        (json!({"data": null}), "[]"),
        (json!({"data": "<a/>", "datacontenttype": "application/xml"}), "[data=<a/>]"),
        (json!({"data_base64": "eyJhIjoxfQ==", "datacontenttype": "application/json"}), "[a=1]"),
        (json!({"data_base64": "WzFd", "datacontenttype": "a/b+JSON; x=y"}), "[data=[1]]"),
        (json!({"data_base64": "eyJhIjoxfQ=="}), "[data=eyJhIjoxfQ==]"),
        (json!({"data_base64": "AAE=", "datacontenttype": "image/png"}), "[data=AAE=]"),
        (json!({"data_base64": null, "data": 1}), "[data=1]"),
    ] {
        assert_eq!(short(&structured(data.clone()).unwrap()), format!("u/- t {shown}"), "{data}");
    }
    for (more, place) in [
        (json!({"specversion": null}), "/specversion"),
        (json!({"specversion": "1.1"}), "/specversion"),
        (json!({"specversion": 1.0}), "/specversion"),
        (json!({"id": ""}), "/id"),
        (json!({"id": 5}), "/id"),
        (json!({"source": null}), "/source"),
        (json!({"type": null}), "/type"),
        (json!({"type": "x".repeat(201)}), "/type"),
        (json!({"time": "x"}), "/time"),
        (json!({"time": 5}), "/time"),
        (json!({"data": {"a": "x".repeat(25_000)}}), "/data/a"),
        (json!({"data": "x".repeat(25_000)}), "/data"),
        (json!({"data": 1, "data_base64": "AAE="}), "/data_base64"),
        (json!({"data_base64": "A"}), "/data_base64"),
        (json!({"data_base64": 5}), "/data_base64"),
        (json!({"data_base64": "e3t7", "datacontenttype": "application/json"}), "/data_base64"),
    ] {
        assert_eq!(at(structured(more.clone())), place, "{more}");
    }
    for (media, body) in [
        ("application/cloudevents+json", "{"),
        ("application/cloudevents+json", "[]"),
        ("application/cloudevents+avro", "{}"),
        ("application/cloudevents-batch+xml", "[]"),
        ("application/cloudevents-batch+json", "{}"),
        ("application/cloudevents-batch+json", "[1,]"),
    ] {
        assert!(typed(media, body).is_err(), "{media} {body}");
    }
}

#[test]
fn batches_are_many() {
    let good = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "u"});
    let body = json!([good, with(good.clone(), json!({"id": null})), 5]).to_string();
    for media in ["APPLICATION/cloudevents-batch+json", "application/cloudevents-batch; x"] {
        let items = typed(media, &body).unwrap();
        assert_eq!(short(items[0].as_ref().unwrap()), "u/- t []");
        assert_eq!(items[1].as_ref().unwrap_err().at, "/1/id");
        assert_eq!(items[2].as_ref().unwrap_err().at, "/2");
        assert_eq!(typed(media, "[]"), Ok(vec![]));
    }
    let many = format!("[{}0]", "0,".repeat(2500));
    let refused = typed("application/cloudevents-batch+json", &many).unwrap_err();
    assert_eq!(refused.kind, Fault::TooLarge);
    let long = with(good, json!({"data": {"a": "x".repeat(40_000)}}));
    let items = typed("application/cloudevents-batch+json", &json!([long]).to_string()).unwrap();
    let refused = items[0].as_ref().unwrap_err();
    assert_eq!((refused.kind, &*refused.at), (Fault::TooLarge, "/0"));
}
