//! When it happened.

use super::*;

fn when(more: Json) -> Result<i64, String> {
    track(more).map(|item| item.at.0).map_err(|refused| refused.at)
}

fn stamped(timestamp: Json) -> Result<i64, String> {
    when(json!({"timestamp": timestamp}))
}

#[test]
fn times_are_written_in_some_ways() {
    let hour = NOW - 3_600_000;
    for (text, millis) in [
        ("2026-03-02T09:00:00Z", hour),
        ("2026-03-02T09:00:00.000Z", hour),
        ("2026-03-02t09:00:00z", hour),
        ("2026-03-02 09:00:00Z", hour),
        ("2026-03-02T09:00:00.123456+00:00", hour + 123),
        ("2026-03-02T09:00:00.123456789Z", hour + 123),
        ("2026-03-02T11:30:00+02:30", hour),
        ("2026-03-02T11:30:00+0230", hour),
        ("2026-03-02T04:00:00-05:00", hour),
        ("2026-03-02T09:00:00", hour),
        ("2026-03-02T09:00:00.5", hour + 500),
        ("2026-03-02T09:00Z", hour),
        ("2026-03-02", NOW - 36_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ] {
        assert_eq!(stamped(json!(text)), Ok(millis), "{text}");
    }
    assert_eq!(stamped(json!(hour)), Ok(hour));
    assert_eq!(stamped(json!(-1)), Ok(-1));
    assert_eq!(stamped(json!(null)), Ok(NOW));
    let wrong = [
        json!(""),
        json!("soon"),
        json!("2026-03-32"),
        json!("2026-03-02T25:00:00Z"),
        json!(1.5),
        json!("1772445600000"),
        json!(true),
        json!({}),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!("02/03/2026"),
        json!("-000001-01-01T00:00:00Z"),
        json!("2026-03-02T09:00:00+99:00"),
        json!("\u{0}"),
    ];
    for wrong in wrong {
        assert_eq!(stamped(wrong.clone()), Err("/timestamp".into()), "{wrong}");
        for key in ["originalTimestamp", "sentAt"] {
            assert_eq!(when(json!({key: wrong})), Err(format!("/{key}")), "{wrong}");
        }
    }
}

#[test]
fn the_senders_clock_is_put_right() {
    let (original, sent) = ("2026-03-02T12:00:00Z", "2026-03-02T12:00:07Z");
    // It is two hours fast, but seven seconds are seven seconds.
    let both = json!({"originalTimestamp": original, "sentAt": sent});
    assert_eq!(when(both.clone()), Ok(NOW - 7000));
    // What the sender calls the corrected one does not matter then.
    assert_eq!(when(with(both, json!({"timestamp": "2020-01-01T00:00:00Z"}))), Ok(NOW - 7000));
    assert_eq!(when(json!({"timestamp": original, "sentAt": sent})), Ok(NOW - 7000));
    // Without it, there is nothing to put right.
    let plain =
        json!({"originalTimestamp": "2026-03-02T08:00:00Z", "timestamp": "2026-03-02T09:00:00Z"});
    assert_eq!(when(plain), Ok(NOW - 3_600_000));
    assert_eq!(when(json!({"originalTimestamp": "2026-03-02T09:00:00Z"})), Ok(NOW - 3_600_000));
    assert_eq!(when(json!({"sentAt": sent})), Ok(NOW));
    let old = json!({"timestamp": "2012-12-02T00:30:08Z", "sentAt": "2026-03-02T10:00:00Z"});
    assert_eq!(when(old), Ok(1_354_408_208_000));
}

#[test]
fn nothing_happens_later_than_it_is_heard_of() {
    assert_eq!(stamped(json!("2099-01-01T00:00:00Z")), Ok(NOW));
    assert_eq!(stamped(json!(NOW + 1)), Ok(NOW));
    let sent_before =
        json!({"timestamp": "2026-03-02T10:00:00Z", "sentAt": "2026-03-02T09:00:00Z"});
    assert_eq!(when(sent_before), Ok(NOW));
    let absurd = json!({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-30T00:00:00Z"});
    assert_eq!(when(absurd), Ok(-62_135_596_800_000));
}

#[test]
fn the_future_may_be_refused() {
    let limits = Limits { future: Some(Millis(1000)), ..Limits::default() };
    let received = Received { limits, ..received() };
    let at = |at: i64| {
        let body = json!({"userId": "u", "event": "e", "timestamp": at}).to_string();
        call(Kind::Track, body.as_bytes(), &received).unwrap().items.remove(0)
    };
    assert_eq!(at(NOW + 1000).unwrap().at, Instant(NOW));
    let refused = at(NOW + 1001).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "/timestamp: 1001 ms in the future: set the sender's clock right"
    );
}
