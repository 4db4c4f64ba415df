use super::*;
use crate::channel::Channel as _;
use crate::channel::tests::wire;
use crate::channel::wechat::build;
use crate::channel::wechat::tests::{channel, settings};
use crate::engine::event::Instant;

const NOW: i64 = 1_767_225_660_500;

fn sign(token: &str, timestamp: &str, nonce: &str) -> String {
    let mut parts = [token, timestamp, nonce];
    parts.sort_unstable();
    let digest =
        ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hear_as(method: &str, query: &str, body: &[u8]) -> Result<Heard, Unheard> {
    let callback =
        Callback { method, url: "https://x/", query, headers: &[], body, at: Instant(NOW) };
    channel("https://api.weixin.qq.com").hear(&callback)
}

fn signed() -> String {
    format!("signature={}&timestamp=1767225600&nonce=n1", sign("the-token", "1767225600", "n1"))
}

fn hear(body: &str) -> Result<Heard, Unheard> {
    hear_as("POST", &signed(), body.as_bytes())
}

fn shown(body: &str) -> Vec<Return> {
    let heard = hear(body).unwrap();
    assert_eq!(heard.answer.unwrap().1, "success");
    heard.returns
}

#[test]
fn the_question_is_answered_if_it_is_theirs() {
    // As another program reckons it.
    assert!(signed().contains("signature=b382188a14b59c3a1f17f043d2d0d038455333d9&"));
    let query = format!("{}&echostr=12345%2067", signed());
    let heard = hear_as("GET", &query, b"").unwrap();
    assert_eq!(heard.returns, []);
    assert_eq!(heard.answer.unwrap().1, "12345 67");
    let at = |timestamp: &str| {
        let signature = sign("the-token", timestamp, "n1");
        let query = format!("signature={signature}&timestamp={timestamp}&nonce=n1&echostr=1");
        hear_as("GET", &query, b"")
    };
    at("1767225361").unwrap();
    at("1767225960").unwrap();
    for wrong in [
        at("1767225360"),
        at("1767225961"),
        at(""),
        at("-1"),
        at("9223372036854775807"),
        at("99999999999999999999"),
        hear_as("GET", "", b""),
        hear_as("GET", "echostr=1", b""),
        hear_as("GET", &query.replace("n1", "n2"), b""),
        hear_as("GET", &query.replace("1767225600", "1767225601"), b""),
        hear_as("GET", &query.replace("signature=", "signature=0"), b""),
        hear_as("GET", &format!("{query}&signature="), b""),
        hear_as("GET", &query.to_uppercase(), b""),
        hear_as("GET", &format!("{query}&pad={}", "a".repeat(5000)), b""),
        hear_as("POST", &signed().replace("n1", "n3"), b"<xml></xml>"),
    ] {
        assert_eq!(wrong, Err(Unheard::Forged));
    }
    let long = format!("{}&echostr={}", signed(), "a".repeat(300));
    assert!(matches!(hear_as("GET", &long, b""), Err(Unheard::Unreadable(_))));
    assert!(matches!(hear_as("PUT", &signed(), b""), Err(Unheard::Unreadable(_))));
    let mut settings = settings("https://api.weixin.qq.com");
    settings.as_object_mut().unwrap().remove("callback_token");
    let deaf = build("wechat", &settings, &wire()).unwrap();
    let callback = Callback {
        method: "GET",
        url: "",
        query: &query,
        headers: &[],
        body: b"",
        at: Instant(NOW),
    };
    assert_eq!(deaf.hear(&callback), Err(Unheard::Unexpected));
}

/// A report as documented.
fn report(status: &str) -> String {
    format!(
        "<xml>\n<ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>\n\
         <FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>\n\
         <CreateTime>1395658920</CreateTime>\n<MsgType><![CDATA[event]]></MsgType>\n\
         <Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>\n<MsgID>200163836</MsgID>\n\
         <Status><![CDATA[{status}]]></Status>\n</xml>"
    )
}

#[test]
fn reports_say_how_a_message_fared() {
    let about = || About::Reference("200163836".into());
    assert_eq!(
        shown(&report("success")),
        [Return { about: about(), shown: Shown::Grade(Grade::Delivered) }]
    );
    for status in ["failed:user block", "failed: user block"] {
        let [heard] = shown(&report(status)).try_into().unwrap();
        assert_eq!(heard.about, about());
        assert!(matches!(heard.shown, Shown::Gone(t) if t.reason == Reason::Unsubscribed));
    }
    for status in ["failed: system failed", "failed:system failed", "", "what"] {
        let [heard] = shown(&report(status)).try_into().unwrap();
        assert!(matches!(heard.shown, Shown::Failed(t) if t.reason == Reason::Provider));
    }
    assert_eq!(shown(&report("success").replace("200163836", "")), []);
}

#[test]
fn users_write_leave_and_come_back() {
    let letter =
        |inside: &str| shown(&format!("<xml><FromUserName>oA_1</FromUserName>{inside}</xml>"));
    let about = || About::Address("oA_1".into());
    assert_eq!(
        letter("<MsgType>text</MsgType><Content>1 &lt; 2 &amp; &#x4e2d;&#25991;</Content>"),
        [Return { about: about(), shown: Shown::Grade(Grade::Confirmed) }]
    );
    assert_eq!(
        letter("<MsgType>event</MsgType><Event>unsubscribe</Event>"),
        [Return { about: about(), shown: Shown::OptedOut }]
    );
    assert_eq!(
        letter("<MsgType>event</MsgType><Event>subscribe</Event>"),
        [Return { about: about(), shown: Shown::OptedIn }]
    );
    for nothing in [
        "<MsgType>event</MsgType><Event>CLICK</Event>",
        "<MsgType>image</MsgType>",
        "<Event>unsubscribe</Event>",
        "<Deep><MsgType>text</MsgType></Deep>",
        "",
    ] {
        assert_eq!(letter(nothing), [], "{nothing}");
    }
    assert_eq!(shown("<xml><MsgType>text</MsgType></xml>"), [], "nobody wrote it");
    // Of two senders the last one counts, and not both at once.
    let twice = "<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName>\
                 <MsgType>text</MsgType></xml>";
    assert_eq!(shown(twice)[0].about, About::Address("b".into()));
}

#[test]
fn xml_that_is_more_than_texts_is_refused() {
    let bomb = "<!DOCTYPE xml [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <xml><Content>&b;</Content></xml>";
    let outside = "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml>&a;</xml>";
    for wrong in [
        bomb,
        outside,
        "<!DOCTYPE xml><xml></xml>",
        "<xml><Content>&unknown;</Content></xml>",
        "<xml><Content>&#xD800;</Content></xml>",
        "<xml><Content>& loose</Content></xml>",
        "<xml><Content></xml>",
        "<xml><a></b></xml>",
        "<xml>",
        "<xml",
        "</xml>",
        "",
        "text",
        "{\"json\":1}",
        "<html></html>",
        "<xml></xml><xml></xml>",
        "<xml><Encrypt>abc</Encrypt></xml>",
    ] {
        assert!(matches!(hear(wrong), Err(Unheard::Unreadable(_))), "{wrong}");
    }
    for bytes in [&b"\xff\xfe<\0x\0"[..], &b"<xml>\xc3</xml>"[..], &vec![b' '; 70_000][..]] {
        assert!(matches!(hear_as("POST", &signed(), bytes), Err(Unheard::Unreadable(_))));
    }
    // Deep is no harm as such.
    let deep = format!("<xml>{}{}</xml>", "<a>".repeat(5000), "</a>".repeat(5000));
    assert_eq!(shown(&deep), []);
}
