use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::channel::tests::vendor::{Got, Reply as Said, Vendor};
use crate::channel::tests::{dispatch, wire};

/// A company as documented: one token at a time, and codes by user id.
fn company(given: &Arc<Mutex<u64>>) -> impl Fn(&Got) -> Said + use<> {
    let given = Arc::clone(given);
    move |got| {
        let answer =
            |code: i64, words: &str| Said::json(&json!({ "errcode": code, "errmsg": words }));
        let mut given = given.lock().unwrap();
        if got.path == "/cgi-bin/gettoken" {
            return match (got.param("corpid"), got.param("corpsecret")) {
                (Some("ww1"), Some("s&cret")) => {
                    *given += 1;
                    Said::json(&json!({ "errcode": 0, "errmsg": "ok",
                        "access_token": format!("TOKEN_{given}"), "expires_in": 7200 }))
                }
                (Some("ww1"), _) => answer(40001, "invalid credential"),
                _ => answer(40013, "invalid corpid"),
            };
        }
        assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/cgi-bin/message/send"));
        if got.param("access_token") != Some(&format!("TOKEN_{given}")) {
            return answer(40014, "invalid access_token");
        }
        let body = got.json();
        let to = body["touser"].as_str().unwrap().to_owned();
        if let Some(code) = to.strip_prefix("Code") {
            return answer(code.parse().unwrap(), &format!("words about {to}"));
        }
        let low = to.to_ascii_lowercase();
        let ok = |name: &str| {
            Said::json(&json!({ "errcode": 0, "errmsg": "ok", name: low, "msgid": "m" }))
        };
        match to.as_str() {
            "NoBody" => ok("invaliduser"),
            "NoLicence" => ok("unlicenseduser"),
            _ => Said::json(
                &json!({ "errcode": 0, "errmsg": "ok", "invaliduser": "other|NoBodyElse",
                                     "unlicenseduser": "", "msgid": "m" }),
            ),
        }
    }
}

async fn vendor() -> (Vendor, Arc<Mutex<u64>>) {
    let given = Arc::new(Mutex::new(0));
    (Vendor::start(company(&given)).await, given)
}

fn settings(url: &str, msgtype: &str) -> Value {
    json!({
        "base_url": url, "corp_id": "ww1", "secret": "s&cret", "agent_id": 1_000_002,
        "msgtype": msgtype,
    })
}

fn channel(vendor: &Vendor, msgtype: &str) -> WeCom {
    build("wecom", &settings(&vendor.url, msgtype), &wire()).unwrap()
}

fn to(address: &str) -> Dispatch {
    let mut dispatch = dispatch();
    dispatch.outgoing.address = Some(address.into());
    dispatch
}

/// What is sent of a message of this kind with this title and body.
async fn sent(vendor: &Vendor, msgtype: &str, title: &str, body: &str) -> Value {
    let mut message = to("ZhangSan");
    message.outgoing.content.title = title.to_owned();
    message.outgoing.content.body = body.to_owned();
    assert_eq!(channel(vendor, msgtype).send(&message).await, Outcome::ACCEPTED);
    vendor.got().pop().unwrap().json()
}

#[tokio::test]
async fn every_kind_is_written_as_documented() {
    let (vendor, _) = vendor().await;
    let (title, body) = ("订单已发货", "on its way");
    let common = |msgtype: &str, content: Value| {
        json!({
            "touser": "ZhangSan", "agentid": 1_000_002, "msgtype": msgtype, msgtype: content,
            "enable_duplicate_check": 1, "duplicate_check_interval": 1800,
        })
    };
    let link = "https://push.example/r/0123";
    assert_eq!(
        sent(&vendor, "text", title, body).await,
        common("text", json!({ "content": format!("{title}\n{body}\n{link}") }))
    );
    assert_eq!(
        sent(&vendor, "markdown", title, body).await,
        common("markdown", json!({ "content": format!("**{title}**\n{body}\n[{link}]({link})") }))
    );
    assert_eq!(
        sent(&vendor, "textcard", title, body).await,
        common("textcard", json!({ "title": title, "description": body, "url": link }))
    );
    assert_eq!(
        sent(&vendor, "template_card", title, body).await,
        common(
            "template_card",
            json!({
                "card_type": "text_notice", "main_title": { "title": title },
                "sub_title_text": body, "card_action": { "type": 1, "url": link },
            })
        )
    );
}

#[tokio::test]
async fn what_is_written_is_not_read_as_marks() {
    let (vendor, _) = vendor().await;
    let hostile = "<a href=\"https://evil.example\">x</a> 1 < 2 & [a](b) **c** `d` > e\n# f\n\\";
    let text = sent(&vendor, "text", "t", hostile).await["text"]["content"].to_string();
    assert!(!text.contains("<a") && !text.contains("</a") && text.contains("1 < 2"), "{text}");
    let markdown = sent(&vendor, "markdown", "a\n# b*", hostile).await;
    assert_eq!(
        markdown["markdown"]["content"],
        "**a # b\\***\n&lt;a href=\"https://evil.example\"&gt;x&lt;/a&gt; 1 &lt; 2 &amp; \
         \\[a\\](b) \\*\\*c\\*\\* \\`d\\` &gt; e\n\\# f\n\\\\\n\
         [https://push.example/r/0123](https://push.example/r/0123)"
    );
    let card = sent(&vendor, "textcard", "<b>", "<div class=\"highlight\">\r\n&'\"\n</div>").await;
    assert_eq!(card["textcard"]["title"], "<b>");
    assert_eq!(
        card["textcard"]["description"],
        "&lt;div class=&quot;highlight&quot;&gt;<br>&amp;&#39;&quot;<br>&lt;/div&gt;"
    );
    let mut message = to("ZhangSan");
    message.links.read = Some("https://x/a)b[c](d <e>\n# f".to_owned());
    channel(&vendor, "markdown").send(&message).await;
    let content = vendor.got().pop().unwrap().json()["markdown"]["content"].to_string();
    assert!(content.contains("(https://x/a%29b[c]%28d%3Ce>#f)"), "{content}");
}

#[tokio::test]
async fn limits_are_in_bytes() {
    let (vendor, _) = vendor().await;
    for (msgtype, room, in_title) in [
        ("text", 2048, false),
        ("markdown", 2048, false),
        ("textcard", 512, false),
        ("textcard", 128, true),
        ("template_card", 512, false),
        ("template_card", 128, true),
    ] {
        let channel = channel(&vendor, msgtype);
        let mut message = to("ZhangSan");
        let content = &mut message.outgoing.content;
        (content.title, content.body) = (String::new(), String::new());
        channel.send(&message).await;
        let body = vendor.got().pop().unwrap().json();
        let taken = body[msgtype]["content"].as_str().map_or(0, |text| text.len() + 1);
        // What the marks around it take is found by sending the longest that fits.
        let taken = if msgtype == "markdown" { taken - 1 } else { taken };
        let mut text = "字".repeat((room - taken) / 3);
        text.push_str(&"a".repeat((room - taken) % 3));
        let content = &mut message.outgoing.content;
        *(if in_title { &mut content.title } else { &mut content.body }) = text;
        assert_eq!(channel.send(&message).await, Outcome::ACCEPTED, "{msgtype} {in_title}");
        let asked = vendor.got().len();
        let content = &mut message.outgoing.content;
        (if in_title { &mut content.title } else { &mut content.body }).push('a');
        let outcome = channel.send(&message).await;
        assert!(
            matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::TooLong),
            "{outcome:?}"
        );
        assert_eq!(vendor.got().len(), asked);
    }
    let mut message = to("ZhangSan");
    message.links.read = None;
    message.outgoing.content.link = None;
    for msgtype in ["textcard", "template_card"] {
        let outcome = channel(&vendor, msgtype).send(&message).await;
        assert_eq!(outcome, Outcome::failed(Reason::Content, "a card needs a link to lead to"));
    }
    assert_eq!(channel(&vendor, "text").send(&message).await, Outcome::ACCEPTED);
    message.outgoing.content.link = Some("a".repeat(2049));
    let outcome = channel(&vendor, "text").send(&message).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::TooLong));
}

#[tokio::test]
async fn one_message_is_for_one_member() {
    let (vendor, _) = vendor().await;
    let channel = channel(&vendor, "text");
    for address in ["@all", "a|b", "a b", "张三", "a\"b", "@", &"a".repeat(65)] {
        let outcome = channel.send(&to(address)).await;
        assert!(matches!(&outcome, Outcome::Gone(t) if t.reason == Reason::InvalidAddress));
    }
    for mut message in [to(""), dispatch()] {
        if message.outgoing.address.as_deref() == Some("the-address") {
            message.outgoing.address = None;
        }
        let outcome = channel.send(&message).await;
        assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::NoAddress));
    }
    assert!(vendor.got().is_empty());
    for address in ["zhang.san-1_x@corp", "007", &"a".repeat(64)] {
        assert_eq!(channel.send(&to(address)).await, Outcome::ACCEPTED, "{address}");
    }
}

#[tokio::test]
async fn answers_are_understood() {
    let (vendor, _) = vendor().await;
    let channel = channel(&vendor, "text");
    let outcome = channel.send(&to("NoBody")).await;
    assert!(matches!(&outcome, Outcome::Gone(t) if t.reason == Reason::InvalidAddress));
    let outcome = channel.send(&to("NoLicence")).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::Rejected));
    let said = |code: i64| format!("errcode {code}: words about …");
    for (code, reason) in [
        (-1, Reason::Provider),
        (40056, Reason::Settings),
        (45009, Reason::Throttled),
        (45033, Reason::Throttled),
        (60011, Reason::Credentials),
        (60020, Reason::Credentials),
        (301002, Reason::Credentials),
    ] {
        let outcome = channel.send(&to(&format!("Code{code}"))).await;
        assert_eq!(outcome, Outcome::later(reason, said(code)));
    }
    for code in [81013, 40003] {
        let outcome = channel.send(&to(&format!("Code{code}"))).await;
        assert_eq!(outcome, Outcome::gone(Reason::InvalidAddress, said(code)));
    }
    for (code, reason) in [
        (82001, Reason::InvalidAddress),
        (43004, Reason::Unsubscribed),
        (45002, Reason::TooLong),
        (44004, Reason::Content),
        (99999, Reason::Rejected),
    ] {
        let outcome = channel.send(&to(&format!("Code{code}"))).await;
        assert_eq!(outcome, Outcome::failed(reason, said(code)));
    }
}

#[tokio::test]
async fn a_dead_token_is_renewed_within_the_attempt() {
    let (vendor, given) = vendor().await;
    let channel = channel(&vendor, "text");
    assert_eq!(channel.send(&to("a")).await, Outcome::ACCEPTED);
    *given.lock().unwrap() += 1;
    assert_eq!(channel.send(&to("b")).await, Outcome::ACCEPTED);
    assert_eq!((vendor.count("/gettoken"), vendor.count("/send")), (2, 3));
}

#[tokio::test]
async fn accounts_that_are_not_known_keep_their_messages() {
    let (vendor, _) = vendor().await;
    for (name, code) in [("corp_id", 40013), ("secret", 40001)] {
        let mut settings = settings(&vendor.url, "text");
        settings[name] = json!("other");
        let outcome = build("wecom", &settings, &wire()).unwrap().send(&to("a")).await;
        let detail = format!("no access token: errcode {code}");
        assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
    }
}

#[tokio::test]
async fn the_check_for_duplicates_can_be_set() {
    let (vendor, _) = vendor().await;
    for (interval, on) in [(0, 0), (60, 1), (14_400, 1)] {
        let mut settings = settings(&vendor.url, "text");
        settings["duplicate_check_interval"] = json!(interval);
        build("wecom", &settings, &wire()).unwrap().send(&to("a")).await;
        let body = vendor.got().pop().unwrap().json();
        assert_eq!(body["enable_duplicate_check"], on);
        assert_eq!(body["duplicate_check_interval"], interval);
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let settings = json!({
        "base_url": "x", "corp_id": "", "secret": "", "agent_id": 1,
        "duplicate_check_interval": 14_401,
    });
    let wrongs = build("wecom", &settings, &wire()).unwrap_err();
    let mut paths: Vec<_> = wrongs.iter().map(|wrong| wrong.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/base_url", "/corp_id", "/duplicate_check_interval", "/secret"]);
    let minimal = json!({ "corp_id": "c", "secret": "word", "agent_id": 1 });
    let shown = format!("{:?}", build("wecom", &minimal, &wire()).unwrap());
    assert!(!shown.contains("word"), "{shown}");
    for (name, value) in [
        ("msgtype", json!("image")),
        ("agent_id", json!(-1)),
        ("agent_id", json!("1")),
        ("base_url", json!("http://10.0.0.1")),
        ("toparty", json!("1")),
    ] {
        let mut settings = minimal.clone();
        settings[name] = value;
        build("wecom", &settings, &wire()).unwrap_err();
    }
}
