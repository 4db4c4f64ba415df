//! What becomes of each kind of message, and of batches of them.

use super::*;

#[test]
fn paths_are_long_or_short() {
    for (long, short, kind) in [
        ("identify", "i", Kind::Identify),
        ("track", "t", Kind::Track),
        ("page", "p", Kind::Page),
        ("screen", "s", Kind::Screen),
        ("group", "g", Kind::Group),
        ("alias", "a", Kind::Alias),
        ("batch", "b", Kind::Batch),
    ] {
        assert_eq!((Kind::from_path(long), Kind::from_path(short)), (Some(kind), Some(kind)));
    }
    for path in ["", "Track", "x", "tt", "track/"] {
        assert_eq!(Kind::from_path(path), None, "{path}");
    }
}

#[test]
fn identify_is_the_profile() {
    let body = json!({
        "userId": "u", "anonymousId": "a",
        "traits": {"plan": "pro", "age": 3, "address": {"city": "Oslo"}, "gone": null},
        "context": {"timezone": "Europe/Oslo", "locale": "nb-NO", "device": {"token": "t"}},
    });
    let item = one(Kind::Identify, &body).unwrap();
    let all = "u/a profile [address.city=Oslo age=3 device.token=t locale=nb-NO plan=pro \
               timezone=Europe/Oslo]";
    assert_eq!(short(&item), all);

    let traits = json!({"timezone": "UTC", "locale": 5, "device": {"token": "mine"}});
    let item = one(Kind::Identify, &with(body, json!({"traits": traits}))).unwrap();
    assert_eq!(short(&item), "u/a profile [device.token=mine locale=5 timezone=UTC]");

    let odd = json!({"userId": "u", "context": {"timezone": 1, "locale": null, "device": "x"}});
    assert_eq!(short(&one(Kind::Identify, &odd).unwrap()), "u/- profile []");
    let off = json!({"userId": "u", "traits": {"a": 1}, "context": {"active": false}});
    assert_eq!(short(&one(Kind::Identify, &off).unwrap()), "u/- profile [a=1]");
}

#[test]
fn track_is_an_operation() {
    let item = track(json!({"properties": {"price": 1.5, "on": true, "in": {"a": "b"}}})).unwrap();
    assert_eq!(short(&item), "u/- e [in.a=b on=true price=1.5]");
    assert_eq!((item.id, item.at), (None, Instant(NOW)));
    assert_eq!(short(&track(json!({})).unwrap()), "u/- e []");
    assert_eq!(
        short(&track(json!({"event": "$hidden", "properties": {"a": 1}})).unwrap()),
        "u/- hidden"
    );
    assert_eq!(short(&track(json!({"event": "$heartbeat"})).unwrap()), "u/- heartbeat");
    assert!(track(json!({"event": "é".repeat(200)})).is_ok());
    for event in [json!(null), json!(""), json!("  "), json!(5), json!({}), json!("é".repeat(201))]
    {
        assert_eq!(at(track(json!({"event": event}))), "/event", "{event}");
    }
}

#[test]
fn what_a_server_says_of_somebody_who_is_away_has_happened() {
    let away = json!({"context": {"active": false}});
    assert_eq!(short(&track(away.clone()).unwrap()), "u/- e []");
    let page = one(Kind::Page, &with(json!({"userId": "u", "name": "n"}), away)).unwrap();
    assert_eq!(short(&page), "u/- page n []");
}

#[test]
fn pages_have_a_name_from_somewhere() {
    let page = |more| short(&one(Kind::Page, &with(json!({"anonymousId": "a"}), more)).unwrap());
    assert_eq!(page(json!({})), "-/a page page []");
    assert_eq!(page(json!({"category": "Docs"})), "-/a page Docs [category=Docs]");
    let titled = json!({"category": "Docs", "properties": {"title": "T", "url": "https://x/y"}});
    assert_eq!(page(titled.clone()), "-/a page T [category=Docs title=T url=https://x/y]");
    let named =
        with(titled, json!({"properties": {"title": "T", "name": "N", "category": "mine"}}));
    assert_eq!(page(named.clone()), "-/a page N [category=mine name=N title=T]");
    assert_eq!(page(with(named.clone(), json!({"name": "Top"}))).split(' ').nth(2), Some("Top"));
    for none in [json!(""), json!(null)] {
        assert_eq!(page(with(named.clone(), json!({"name": none}))).split(' ').nth(2), Some("N"));
    }
    let context = json!({"context": {"page": {"url": "https://x/y", "path": "/y", "title": "no"}}});
    assert_eq!(page(context.clone()), "-/a page page [path=/y url=https://x/y]");
    let both = with(context, json!({"properties": {"path": "/mine"}}));
    assert_eq!(page(both), "-/a page page [path=/mine url=https://x/y]");
    let long = page(json!({"properties": {"title": "é".repeat(300)}}));
    assert!(long.contains(&format!("page {} [", "é".repeat(200))));

    let screen = json!({"userId": "u", "name": "Home"});
    assert_eq!(short(&one(Kind::Screen, &screen).unwrap()), "u/- page Home []");
    assert_eq!(at(one(Kind::Page, &json!({"userId": "u", "name": 5}))), "/name");
    assert_eq!(at(one(Kind::Page, &json!({"userId": "u", "name": "x".repeat(201)}))), "/name");
}

#[test]
fn group_is_the_profile_too() {
    let body = json!({"userId": "u", "groupId": 7, "traits": {"name": "Initech", "a": {"b": 1}}});
    let item = one(Kind::Group, &body).unwrap();
    assert_eq!(short(&item), "u/- profile [group=7 group.a.b=1 group.name=Initech]");
    assert_eq!(at(one(Kind::Group, &json!({"userId": "u"}))), "/groupId");
    let wrong = json!({"userId": "u", "groupId": "g", "traits": "x"});
    assert_eq!(at(one(Kind::Group, &wrong)), "/traits");
    let long = json!({"userId": "u", "groupId": "g", "traits": {"x".repeat(251): 1}});
    assert!(at(one(Kind::Group, &long)).starts_with("/traits/xxx"));
}

#[test]
fn alias_needs_both_ids() {
    let body = json!({"userId": "u", "previousId": "p", "anonymousId": "a"});
    assert_eq!(short(&one(Kind::Alias, &body).unwrap()), "u/a alias p");
    assert_eq!(at(one(Kind::Alias, &json!({"userId": "u"}))), "/previousId");
    assert_eq!(at(one(Kind::Alias, &json!({"anonymousId": "u", "previousId": "p"}))), "/userId");
    assert_eq!(at(one(Kind::Alias, &json!({"previousId": "p"}))), "/userId");
}

#[test]
fn a_batch_is_its_messages() {
    let body = json!({
        "writeKey": "k", "sentAt": "2026-03-02T10:00:30Z", "integrations": {"All": true},
        "context": {"timezone": "UTC", "device": {"token": "t", "id": 1}, "active": false},
        "batch": [
            {"type": "identify", "userId": "u", "context": {"device": {"id": 2}}},
            {"type": "track", "userId": "u", "event": "e"},
            {"type": "track", "userId": "u", "event": "e", "context": {"active": true},
             "timestamp": "2026-03-02T10:00:10Z"},
            {"type": "track", "userId": "u"},
            5,
            {"type": "batch", "userId": "u"},
            {"userId": "u"},
            {"type": "alias", "userId": "u", "previousId": "p"},
        ],
    });
    let call = read(Kind::Batch, &body).unwrap();
    assert_eq!(call.write_key.as_deref(), Some("k"));
    let types = "missing or unknown: one of identify, track, page, screen, group and alias";
    assert_eq!(
        shorts(&call),
        [
            "u/- profile [device.token=t timezone=UTC]".into(),
            "u/- e []".into(),
            "u/- e []".into(),
            "/batch/3/event: missing: send the event's name".into(),
            "/batch/4: a number where an object is expected".into(),
            format!("/batch/5/type: {types}"),
            format!("/batch/6/type: {types}"),
            "u/- alias p".to_owned(),
        ]
    );
    // Its clock is thirty seconds fast, and it said twenty seconds ago.
    assert_eq!(call.items[2].as_ref().unwrap().at, Instant(NOW - 20_000));
    assert_eq!(call.items[0].as_ref().unwrap().at, Instant(NOW));
}

#[test]
fn a_batch_that_is_none_is_refused_as_a_whole() {
    for (body, at, fault) in [
        ("", "", Fault::Malformed),
        ("nul", "", Fault::Malformed),
        ("[]", "", Fault::Invalid),
        ("{", "", Fault::Malformed),
        ("{}", "/batch", Fault::Invalid),
        ("{\"batch\":null}", "/batch", Fault::Invalid),
        ("{\"batch\":{}}", "/batch", Fault::Invalid),
        ("{\"batch\":[],\"sentAt\":\"soon\"}", "/sentAt", Fault::Invalid),
        ("{\"batch\":[],\"context\":5}", "/context", Fault::Invalid),
        ("{\"batch\":[] x", "", Fault::Malformed),
        ("{\"batch\":[{]}", "", Fault::Malformed),
        ("{\"batch\":[]}}", "", Fault::Malformed),
    ] {
        let refused = call(Kind::Batch, body.as_bytes(), &received()).unwrap_err();
        assert_eq!((&*refused.at, refused.kind), (at, fault), "{body}: {refused}");
    }
    let refused = call(Kind::Batch, b"{\"batch\":[\"\xff\"]}", &received()).unwrap_err();
    assert_eq!(refused.to_string(), "the body: not UTF-8 from byte 11 on: send UTF-8");
    let none =
        call(Kind::Batch, b" {\"batch\": [] , \"context\": [], \"sentAt\": null}", &received());
    assert_eq!(none, Ok(Call { write_key: None, items: vec![] }));
    let twice = call(Kind::Batch, b"{\"batch\":[1,2],\"batch\":[]}", &received()).unwrap();
    assert!(twice.items.is_empty());
}

#[test]
fn what_is_too_much_is_refused() {
    let limits = Limits { item_bytes: 100, items: 3, body_bytes: 400, future: None };
    let received = Received { limits, ..received() };
    let long = format!("{{\"userId\":\"u\",\"event\":\"{}\"}}", "e".repeat(100));
    let refused = call(Kind::Track, long.as_bytes(), &received).unwrap_err();
    assert_eq!((refused.kind, &*refused.at), (Fault::TooLarge, ""));
    assert_eq!(refused.reason, "125 bytes where 100 are taken: send less at once");

    let batch = format!("{{\"batch\":[{long},1,{{\"type\":\"page\",\"userId\":1}}]}}");
    let items = call(Kind::Batch, batch.as_bytes(), &received).unwrap().items;
    let refused = items[0].as_ref().unwrap_err();
    assert_eq!((refused.kind, &*refused.at), (Fault::TooLarge, "/batch/0"));
    assert!(items[2].is_ok());

    let many = call(Kind::Batch, b"{\"batch\":[1,2,3,4]}", &received).unwrap_err();
    assert_eq!((many.kind, &*many.at), (Fault::TooLarge, "/batch"));
    let body = call(Kind::Batch, &[b' '; 401], &received).unwrap_err();
    assert_eq!((body.kind, &*body.at), (Fault::TooLarge, ""));
}

#[test]
fn the_write_key_is_there_even_if_the_message_is_wrong() {
    let call = read(Kind::Track, &json!({"writeKey": "k", "event": 5})).unwrap();
    assert_eq!(call.write_key.as_deref(), Some("k"));
    assert!(call.items[0].is_err());
    for none in [json!(null), json!(""), json!(5)] {
        assert_eq!(read(Kind::Track, &json!({"writeKey": none})).unwrap().write_key, None);
    }
}

#[test]
fn one_bad_message_spoils_no_other() {
    let deep = format!("{{\"type\":\"track\",\"x\":{}{}}}", "[".repeat(400), "]".repeat(400));
    let body = format!(
        "{{\"batch\":[{{\"type\":\"page\",\"userId\":1e999}},{deep},{{\"type\":\"page\",\"userId\":\"\\ud800\"}},\
         {{\"type\":\"page\",\"userId\":\"u\"}}]}}"
    );
    let items = call(Kind::Batch, body.as_bytes(), &received()).unwrap().items;
    for (n, what) in [(0, "number out of range"), (1, "recursion limit"), (2, "hex escape")] {
        let refused = items[n].as_ref().unwrap_err();
        assert_eq!(refused.kind, Fault::Malformed);
        assert!(refused.at == format!("/batch/{n}") && refused.reason.contains(what), "{refused}");
    }
    assert_eq!(short(items[3].as_ref().unwrap()), "u/- page page []");
}
