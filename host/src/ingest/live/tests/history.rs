//! Lines of history.

use super::*;
use crate::ingest::live::history::line;

fn read(body: Json) -> Result<Item, Refused> {
    line(format!("{body}\n").as_bytes(), &received())
}

#[test]
fn messages_are_read_as_they_were_recorded() {
    let body = json!({
        "type": "track", "userId": "u", "event": "e", "messageId": "m", "properties": {"a": 1},
        "timestamp": "2020-01-01T00:00:00Z", "originalTimestamp": "2020-01-01T00:01:00Z",
        "sentAt": "2020-01-01T00:01:05Z", "receivedAt": "2020-01-01T00:00:05Z",
    });
    let item = read(body.clone()).unwrap();
    assert_eq!((short(&item), item.at), ("u/- e [a=1]".into(), Instant(1_577_836_800_000)));
    assert_eq!(item.id, Some(id_of("segment", "m")));
    // The same from what was received, not from when it is read again.
    assert_eq!(read(with(body.clone(), json!({"timestamp": null}))).unwrap().at, item.at);
    let less = json!({"timestamp": null, "sentAt": null});
    assert_eq!(read(with(body.clone(), less)).unwrap().at, Instant(1_577_836_860_000));
    let less = json!({"timestamp": null, "originalTimestamp": null});
    assert_eq!(read(with(body.clone(), less)).unwrap().at, Instant(1_577_836_805_000));
    let none = json!({"timestamp": null, "originalTimestamp": null, "receivedAt": null});
    assert_eq!(at(read(with(body, none))), "/timestamp");
    let page = json!({"type": "page", "anonymousId": "a", "name": "n", "timestamp": 5});
    assert_eq!(short(&read(page).unwrap()), "-/a page n []");
    let odd = json!({"type": "purchase", "userId": "a", "timestamp": 5});
    assert_eq!(at(read(odd)), "/type");
}

#[test]
fn simple_rows_are_who_when_and_what() {
    let row = json!({"user": 5, "time": "2020-01-01T00:00:00Z", "node": "cart", "price": 2, "in": {"a": 1}});
    let item = read(row.clone()).unwrap();
    assert_eq!(short(&item), "5/- cart [in.a=1 node=cart price=2]");
    assert_eq!((item.at, item.id), (Instant(1_577_836_800_000), None));
    for key in ["event", "name"] {
        let row = json!({"user": "u", "timestamp": 5, key: "e", "type": "track", "x": true});
        assert_eq!(short(&read(row).unwrap()), "u/- e [type=track x=true]");
    }
    // The first of several names it; the others are fields.
    let row =
        json!({"user": "u", "timestamp": 5, "time": 6, "name": "n", "event": "e", "node": "o"});
    let item = read(row).unwrap();
    assert_eq!(
        (short(&item), item.at),
        ("u/- o [event=e name=n node=o timestamp=5]".into(), Instant(6))
    );
    let row = json!({"userId": "u", "type": "premium", "time": 5, "event": "e", "anonymousId": "a", "messageId": 1});
    let item = read(row).unwrap();
    assert_eq!(
        (short(&item), item.id),
        ("u/a e [type=premium]".into(), Some(id_of("segment", "1")))
    );
    let row = json!({"user": "u", "time": NOW + 5, "event": "$hidden"});
    let item = read(row).unwrap();
    assert_eq!((short(&item), item.at), ("u/- hidden".into(), Instant(NOW)));
}

#[test]
fn what_is_missing_is_named() {
    let row = json!({"user": "u", "time": 5, "event": "e"});
    for (more, place) in [
        (json!({"user": null}), "/user"),
        (json!({"user": ""}), "/user"),
        (json!({"user": "anon:x"}), "/user"),
        (json!({"time": null}), "/time"),
        (json!({"time": "soon"}), "/time"),
        (json!({"event": null}), "/node"),
        (json!({"event": 5}), "/event"),
        (json!({"x": "y".repeat(24_577)}), "/x"),
    ] {
        assert_eq!(at(read(with(row.clone(), more.clone()))), place, "{more}");
    }
    for (text, fault) in
        [("", Fault::Malformed), ("[]", Fault::Invalid), ("{\"user\"", Fault::Malformed)]
    {
        assert_eq!(line(text.as_bytes(), &received()).unwrap_err().kind, fault);
    }
    assert_eq!(line(b"{\"user\":\"\xff\"}", &received()).unwrap_err().kind, Fault::Malformed);
    let long = line(&[b' '; 40_000], &received()).unwrap_err();
    assert_eq!(long.kind, Fault::TooLarge);
}
