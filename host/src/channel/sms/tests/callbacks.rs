use super::*;
use crate::channel::{About, Return, Shown};
use crate::engine::event::{Grade, Instant};

const URL: &str = "https://nudge.example/c/sms?t=trk-1";

/// As Twilio signs.
fn signature(token: &str, url: &str, pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let fields: String = sorted.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(ring::hmac::sign(&key, format!("{url}{fields}").as_bytes()))
}

fn hear(url: &str, method: &str, body: &[u8], signature: &str) -> Result<Heard, Unheard> {
    let channel = built(&settings("https://x.example"));
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let headers = [("host", "nudge.example"), ("x-twilio-signature", signature)];
    channel.hear(&Callback { method, url, query, headers: &headers, body, at: Instant(0) })
}

fn heard_at(url: &str, pairs: &[(&str, &str)]) -> Result<Heard, Unheard> {
    hear(url, "POST", form::write(pairs).as_bytes(), &signature(TOKEN, url, pairs))
}

fn status(status: &str, code: Option<&str>) -> Vec<Shown> {
    let mut pairs = vec![
        ("MessageSid", MESSAGE),
        ("MessageStatus", status),
        ("To", "+8613800138000"),
        ("From", "+15550001111"),
        ("ApiVersion", "2010-04-01"),
    ];
    pairs.extend(code.map(|code| ("ErrorCode", code)));
    let heard = heard_at(URL, &pairs).unwrap();
    assert_eq!(heard.answer, None);
    assert!(heard.returns.iter().all(|one| one.about == About::Tracking("trk-1".into())));
    heard.returns.into_iter().map(|one| one.shown).collect()
}

#[test]
fn signatures_are_those_of_twilio() {
    // Twilio's own example.
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let pairs = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    let right = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    let body = form::write(&pairs);
    // Heard, but neither a status nor a message.
    assert!(matches!(hear(url, "POST", body.as_bytes(), right), Err(Unheard::Unreadable(_))));
    for wrong in ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "RSOYDt4T1cUTdK1PDd93/VVr8BA=", "é", "AAAA"] {
        assert_eq!(hear(url, "POST", body.as_bytes(), wrong), Err(Unheard::Forged), "{wrong}");
    }
    let more = body.clone() + "&MessageStatus=delivered";
    assert_eq!(hear(url, "POST", more.as_bytes(), right), Err(Unheard::Forged));
    let elsewhere = "https://mycompany.com/myapp.php?foo=1&bar=3";
    assert_eq!(hear(elsewhere, "POST", body.as_bytes(), right), Err(Unheard::Forged));
    assert_eq!(hear(url, "GET", body.as_bytes(), right), Err(Unheard::Forged));
}

#[test]
fn without_a_signature_nothing_is_heard() {
    let channel = built(&settings("https://x.example"));
    let body = b"MessageStatus=delivered&MessageSid=SM1";
    let callback =
        Callback { method: "POST", url: URL, query: "", headers: &[], body, at: Instant(0) };
    assert_eq!(channel.hear(&callback), Err(Unheard::Forged));
}

#[test]
fn ports_may_be_signed_or_not() {
    let pairs = [("MessageSid", MESSAGE), ("MessageStatus", "delivered")];
    let body = form::write(&pairs);
    for (signed, seen) in [
        ("https://nudge.example/c?t=1", "https://nudge.example:8443/c?t=1"),
        ("https://nudge.example:443/c?t=1", "https://nudge.example/c?t=1"),
        ("http://nudge.example:80/c?t=1", "http://nudge.example/c?t=1"),
        ("https://[::1]:443/c?t=1", "https://[::1]/c?t=1"),
    ] {
        let signature = signature(TOKEN, signed, &pairs);
        assert!(hear(seen, "POST", body.as_bytes(), &signature).is_ok(), "{signed} {seen}");
    }
    let signature = signature(TOKEN, "http://nudge.example/c?t=1", &pairs);
    let seen = "https://nudge.example/c?t=1";
    assert_eq!(hear(seen, "POST", body.as_bytes(), &signature), Err(Unheard::Forged));
    assert_eq!(hear("nonsense", "POST", body.as_bytes(), &signature), Err(Unheard::Forged));
}

#[test]
fn json_is_signed_by_its_hash() {
    // The example of Twilio's libraries.
    let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let url = format!("https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256={hash}");
    let body = br#"{"property": "value", "boolean": true}"#;
    let right = "a9nBmqA0ju/hNViExpshrM61xv4=";
    assert!(matches!(hear(&url, "POST", body, right), Err(Unheard::Unreadable(_))));
    assert_eq!(hear(&url, "POST", b"{}", right), Err(Unheard::Forged));

    let body = format!(r#"{{"MessageSid":"{MESSAGE}","MessageStatus":"delivered","n":{{}}}}"#);
    let hash: String = ring::digest::digest(&ring::digest::SHA256, body.as_bytes())
        .as_ref()
        .iter()
        .map(|b| format!("{b:02X}"))
        .collect();
    let url = format!("{URL}&bodySHA256={hash}");
    let heard = hear(&url, "POST", body.as_bytes(), &signature(TOKEN, &url, &[])).unwrap();
    assert_eq!(heard.returns[0].shown, Shown::Grade(Grade::Delivered));
    let url = format!("{URL}&bodySHA256={}", "0".repeat(64));
    let outcome = hear(&url, "POST", body.as_bytes(), &signature(TOKEN, &url, &[]));
    assert_eq!(outcome, Err(Unheard::Forged));
    let url = format!("{URL}&bodySHA256=");
    assert!(hear(&url, "POST", b"", &signature(TOKEN, &url, &[])).is_err());
}

#[test]
fn replies_may_come_as_a_query() {
    let url = "https://nudge.example/c/sms?From=%2B8613800138000&Body=ok";
    let heard = hear(url, "GET", b"", &signature(TOKEN, url, &[])).unwrap();
    assert_eq!(heard.returns[0].about, About::Address("+8613800138000".into()));
}

#[test]
fn a_status_shows_how_far_it_got() {
    assert_eq!(status("delivered", None), [Shown::Grade(Grade::Delivered)]);
    assert_eq!(status("read", None), [Shown::Grade(Grade::Opened)]);
    for nothing in [
        "accepted",
        "scheduled",
        "queued",
        "sending",
        "sent",
        "canceled",
        "partially_delivered",
        "x",
    ] {
        assert_eq!(status(nothing, None), [], "{nothing}");
    }
}

#[test]
fn a_failure_shows_why() {
    let shown = |status_, code| match status(status_, code).remove(0) {
        Shown::Failed(trouble) => ("failed", trouble.reason, trouble.detail),
        Shown::Gone(trouble) => ("gone", trouble.reason, trouble.detail),
        other => panic!("{other:?}"),
    };
    for (status, code, fate, reason) in [
        ("failed", "30001", "failed", Reason::Throttled),
        ("failed", "30002", "failed", Reason::Credentials),
        ("undelivered", "30003", "failed", Reason::Unreachable),
        ("undelivered", "30004", "failed", Reason::Rejected),
        ("undelivered", "30005", "gone", Reason::InvalidAddress),
        ("undelivered", "30006", "gone", Reason::InvalidAddress),
        ("undelivered", "30007", "failed", Reason::Content),
        ("undelivered", "30008", "failed", Reason::Provider),
        ("undelivered", "30034", "failed", Reason::Settings),
        ("failed", "30036", "failed", Reason::Timeout),
        ("failed", "21610", "gone", Reason::Unsubscribed),
        ("failed", "63016", "failed", Reason::Rejected),
        ("failed", "63024", "gone", Reason::InvalidAddress),
        ("failed", "99999", "failed", Reason::Rejected),
    ] {
        let (became, why, detail) = shown(status, Some(code));
        assert_eq!((became, why), (fate, reason), "{code}");
        assert!(detail.ends_with(&format!("{status}, code {code}")), "{detail}");
    }
    for none in [None, Some(""), Some("nonsense"), Some("99999999999999999999")] {
        let detail = "the message did not arrive: failed".to_owned();
        assert_eq!(shown("failed", none), ("failed", Reason::Rejected, detail));
    }
}

#[test]
fn the_message_is_known_by_tracking_or_by_twilios_name() {
    let pairs = [("MessageSid", MESSAGE), ("MessageStatus", "delivered")];
    let about = |url: &str, pairs: &[(&str, &str)]| {
        let returns = heard_at(url, pairs).unwrap().returns;
        returns.into_iter().map(|one: Return| one.about).collect::<Vec<_>>()
    };
    let tracked = "https://nudge.example/c?x=y&t=trk%2D1";
    assert_eq!(about(tracked, &pairs), [About::Tracking("trk-1".into())]);
    for url in
        ["https://nudge.example/c", "https://nudge.example/c?t=", "https://nudge.example/c?tt=1"]
    {
        assert_eq!(about(url, &pairs), [About::Reference(MESSAGE.into())], "{url}");
    }
    let nameless = [("MessageStatus", "delivered")];
    assert_eq!(about("https://nudge.example/c", &nameless), []);
    let long = "x".repeat(201);
    assert_eq!(about("https://nudge.example/c", &[pairs[1], ("MessageSid", &long)]), []);
}

#[test]
fn replies_confirm_or_leave() {
    let reply = |body: &str, kind: Option<&str>| {
        let mut pairs = vec![("MessageSid", MESSAGE), ("SmsStatus", "received"), ("Body", body)];
        pairs.push(("From", "whatsapp:+8613800138000"));
        pairs.extend(kind.map(|kind| ("OptOutType", kind)));
        let heard = heard_at("https://nudge.example/c/sms", &pairs).unwrap();
        assert_eq!(heard.answer, Some(("text/xml", "<Response/>".to_owned())));
        let about = About::Address("whatsapp:+8613800138000".into());
        assert!(heard.returns.iter().all(|one| one.about == about));
        heard.returns.into_iter().map(|one| one.shown).collect::<Vec<_>>()
    };
    let confirmed = Shown::Grade(Grade::Confirmed);
    for stop in
        ["STOP", "stop", " Stop.\n", "StopAll", "unsubscribe", "CANCEL", "end", "quit!", "OptOut"]
    {
        assert_eq!(reply(stop, None), [Shown::OptedOut], "{stop}");
    }
    for start in ["START", "unstop "] {
        assert_eq!(reply(start, None), [Shown::OptedIn], "{start}");
    }
    assert_eq!(reply("Yes", None), [Shown::OptedIn, confirmed.clone()]);
    for other in ["ok", "", "please stop", "stop it", "👍", "HELP", "the end"] {
        assert_eq!(reply(other, None), std::slice::from_ref(&confirmed), "{other}");
    }
    assert_eq!(reply("arrêter", Some("STOP")), [Shown::OptedOut]);
    assert_eq!(reply("démarrer", Some("START")), [Shown::OptedIn]);
    assert_eq!(reply("aide", Some("HELP")), [confirmed]);
}

#[test]
fn what_is_no_message_is_not_heard() {
    let unreadable = |pairs: &[(&str, &str)]| {
        matches!(heard_at("https://nudge.example/c", pairs), Err(Unheard::Unreadable(_)))
    };
    assert!(unreadable(&[]));
    assert!(unreadable(&[("From", "+15550001111")]));
    assert!(unreadable(&[("Body", "x")]));
    assert!(unreadable(&[("From", ""), ("Body", "x")]));
    let long = "x".repeat(201);
    assert!(unreadable(&[("From", &long), ("Body", "x")]));
    let many: Vec<String> = (0..501).map(|n| n.to_string()).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|n| (n.as_str(), "x")).collect();
    assert!(unreadable(&many));
}

#[test]
fn any_bytes_are_no_trouble() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let mut bytes = vec![0; random.usize(..60)];
        random.fill(&mut bytes);
        assert_eq!(hear(URL, "POST", &bytes, "AAAA"), Err(Unheard::Forged));
        // Signed nonsense is nonsense.
        let pairs = form::read(&bytes);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (&**a, &**b)).collect();
        let _ = heard_at(URL, &pairs);
    }
}
