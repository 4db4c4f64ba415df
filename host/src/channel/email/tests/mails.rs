use super::super::{html, message, words};
use super::read::Read;
use super::*;

fn written(dispatch: &Dispatch) -> String {
    let from = address::mailbox("商店 <shop@nudge.example>").unwrap();
    let help = address::mailbox("help@nudge.example").unwrap();
    let to = address::address("ada@example.com").unwrap();
    let mail = message::write(&from, Some(&help), &to, dispatch).unwrap();
    String::from_utf8(mail).unwrap()
}

fn read(dispatch: &Dispatch) -> Read {
    Read::new(&written(dispatch))
}

fn linked() -> Dispatch {
    let mut dispatch = dispatch();
    dispatch.links = Links {
        read: Some("https://nudge.example/r/trk-1?a=1&b=2".into()),
        open: Some("https://nudge.example/o/trk-1.gif".into()),
        unsubscribe: Some("https://nudge.example/u/trk-1".into()),
        callback: Some("https://nudge.example/c/trk-1".into()),
    };
    dispatch
}

#[test]
fn headers_say_what_they_should() {
    let mail = read(&linked());
    let expected = [
        ("From", "商店 <shop@nudge.example>"),
        ("To", "ada@example.com"),
        ("Reply-To", "help@nudge.example"),
        ("Subject", "Your order"),
        ("Date", "Mon, 02 Mar 2026 10:00:00 +0000"),
        ("Message-ID", "<trk-1@nudge.example>"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Nudge-Tracking", "trk-1"),
        ("List-Unsubscribe", "<https://nudge.example/u/trk-1>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("MIME-Version", "1.0"),
    ];
    for (name, value) in expected {
        assert_eq!(mail.header(name), Some(value), "{name}");
    }
    assert_eq!(mail.headers.len(), expected.len() + 1);
    assert!(mail.header("Content-Type").unwrap().starts_with("multipart/alternative;"));
    assert!(
        written(&linked()).contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    );
}

#[test]
fn both_parts_lead_where_the_links_lead() {
    let mail = read(&linked());
    assert_eq!(
        mail.plain().trim_end(),
        "It is on its way.\n\nOpen: https://nudge.example/r/trk-1?a=1&b=2\n\n\
         Unsubscribe: https://nudge.example/u/trk-1"
    );
    let html = mail.html();
    assert!(html.contains("href=\"https://nudge.example/r/trk-1?a=1&amp;b=2\""));
    assert!(html.contains("<a href=\"https://nudge.example/u/trk-1\""));
    assert!(
        html.contains("<img src=\"https://nudge.example/o/trk-1.gif\" width=\"1\" height=\"1\"")
    );
    assert!(html.contains(">Your order</h1>") && html.contains(">It is on its way.</p>"));
    assert!(!html.contains("shop.example/orders"));
}

#[test]
fn without_links_there_are_none() {
    let mut dispatch = dispatch();
    let mail = read(&dispatch);
    assert!(mail.plain().contains("Open: https://shop.example/orders/7"));
    assert!(mail.html().contains("href=\"https://shop.example/orders/7\""));
    dispatch.outgoing.content.link = None;
    let mail = read(&dispatch);
    assert_eq!(mail.plain().trim_end(), "It is on its way.");
    for tag in ["<a ", "<img", "http", "src=", "url(", "@import", "class=\"foot\""] {
        assert!(!mail.html().contains(tag), "{tag}");
    }
    assert!(mail.headers.iter().all(|(name, _)| !name.starts_with("List-")));
}

#[test]
fn one_click_is_for_https_alone() {
    let mut dispatch = dispatch();
    dispatch.links.unsubscribe = Some("http://127.0.0.1:8080/u/1".into());
    let mail = read(&dispatch);
    assert_eq!(mail.header("List-Unsubscribe"), Some("<http://127.0.0.1:8080/u/1>"));
    assert_eq!(mail.header("List-Unsubscribe-Post"), None);
    dispatch.links.unsubscribe = Some(format!("https://nudge.example/{}", "x".repeat(1000)));
    assert_eq!(read(&dispatch).header("List-Unsubscribe"), None);
    dispatch.links.unsubscribe = Some("https://nudge.example/>\r\nBcc: eve@example.com".into());
    let mail = read(&dispatch);
    let escaped = "<https://nudge.example/%3EBcc:%20eve@example.com>";
    assert_eq!(mail.header("List-Unsubscribe"), Some(escaped));
    assert_eq!(mail.header("Bcc"), None);
}

#[test]
fn chinese_arrives_as_it_was() {
    let mut dispatch = linked();
    dispatch.outgoing.locale = "zh-CN".into();
    dispatch.outgoing.content.title = "您的订单已发货，请注意查收，感谢您的支持与信任！".repeat(4);
    dispatch.outgoing.content.body = "亲爱的顾客：\n\n您的订单 7 号已经发货。😀\n明天到。".into();
    let text = written(&dispatch);
    assert!(text.is_ascii());
    let mail = Read::new(&text);
    assert_eq!(mail.header("Subject"), Some(dispatch.outgoing.content.title.as_str()));
    assert!(
        mail.plain()
            .starts_with("亲爱的顾客：\n\n您的订单 7 号已经发货。😀\n明天到。\n\n查看: https")
    );
    assert!(mail.plain().contains("退订: https"));
    let html = mail.html();
    assert!(html.contains("<html lang=\"zh-CN\" dir=\"ltr\">"));
    assert!(html.contains("您的订单 7 号已经发货。😀<br>\n明天到。</p>"));
    assert!(html.contains(">查看</a>") && html.contains(">退订</a>"));
}

#[test]
fn what_a_user_is_called_stays_text() {
    let hostile = "</p></td><script>alert('1')</script><img src=x onerror=\"x\">&amp;";
    let mut dispatch = linked();
    dispatch.outgoing.content.title = hostile.into();
    dispatch.outgoing.content.body = hostile.into();
    dispatch.outgoing.content.link = Some("https://a.example/\"onclick=\"x".into());
    dispatch.outgoing.locale = "en\"><script>".into();
    dispatch.links.read = None;
    let mail = read(&dispatch);
    let html = mail.html();
    let escaped = "&lt;/p&gt;&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\
                   &lt;img src=x onerror=&quot;x&quot;&gt;&amp;amp;";
    assert_eq!(html.matches(escaped).count(), 3);
    assert_eq!(html.matches("<script").count(), 0);
    assert_eq!(html.matches("<img").count(), 1);
    assert!(html.contains("href=\"https://a.example/%22onclick=%22x\""));
    assert!(html.contains("<html dir=\"ltr\">"));
    assert!(mail.plain().starts_with(hostile));

    for link in ["javascript:alert(1)", "data:text/html,x", " JAVASCRIPT:x", "ftp://x.example"] {
        dispatch.outgoing.content.link = Some(link.into());
        dispatch.links.unsubscribe = Some(link.into());
        dispatch.links.open = Some(link.into());
        let mail = read(&dispatch);
        assert!(!mail.html().contains("<a ") && !mail.html().contains("<img"), "{link}");
        assert!(!mail.plain().contains(link.trim()));
    }
}

#[test]
fn a_title_is_no_header() {
    let mut dispatch = dispatch();
    dispatch.outgoing.content.title =
        "Hi\r\nBcc: eve@example.com\r\n\r\nbody\0\u{b}\u{85}x\u{2028}y".into();
    dispatch.outgoing.tracking = "t\r\nX-Evil: 1@<>".into();
    let mail = read(&dispatch);
    assert_eq!(mail.header("Subject"), Some("Hi Bcc: eve@example.com body x y"));
    assert_eq!(mail.header("Bcc"), None);
    assert_eq!(mail.header("X-Evil"), None);
    assert_eq!(mail.header("X-Nudge-Tracking"), Some("tX-Evil1"));
    assert_eq!(mail.header("Message-ID"), Some("<tX-Evil1@nudge.example>"));

    // Nor does it decode into one.
    dispatch.outgoing.content.title = "=?utf-8?b?ZXZpbA==?= 1+1=?".into();
    let subject =
        written(&dispatch).lines().find(|line| line.starts_with("Subject")).unwrap().to_owned();
    assert_eq!(subject, "Subject: = ?utf-8?b?ZXZpbA== ?= 1+1= ?");
    dispatch.outgoing.content.title = "1+1=?".into();
    assert_eq!(read(&dispatch).header("Subject"), Some("1+1=?"));
}

#[test]
fn without_a_title_the_text_begins_the_subject() {
    let mut dispatch = dispatch();
    dispatch.outgoing.content.title = " \n".into();
    dispatch.outgoing.content.body = format!("\n  Hello {}\nmore", "x".repeat(100));
    let mail = read(&dispatch);
    assert_eq!(mail.header("Subject"), Some(&*format!("Hello {}", "x".repeat(64))));
    assert!(!mail.html().contains("<h1"));
}

#[test]
fn the_same_attempt_gives_the_same_mail() {
    let first = linked();
    let mut second = first.clone();
    second.tries = 2;
    assert_eq!(written(&first), written(&second));
    second.at = Instant(first.at.0 + 60_000);
    let date = |mail: &str| mail.replace("10:01:00", "10:00:00");
    assert_eq!(written(&first), date(&written(&second)));
    second.outgoing.tracking = "trk-2".into();
    assert_ne!(read(&first).header("Message-ID"), read(&second).header("Message-ID"));
}

#[test]
fn any_moment_has_a_date() {
    let mut dispatch = dispatch();
    for (at, date) in [
        (Instant::MIN, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (Instant::MAX, "Fri, 31 Dec 9999 23:59:59 +0000"),
        (Instant(-1), "Thu, 01 Jan 1970 00:00:00 +0000"),
    ] {
        dispatch.at = at;
        assert_eq!(read(&dispatch).header("Date"), Some(date));
    }
}

#[test]
fn what_is_too_long_is_not_a_mail() {
    let from = address::mailbox("shop@nudge.example").unwrap();
    let to = address::address("ada@example.com").unwrap();
    let too_long = |dispatch: &Dispatch| match message::write(&from, None, &to, dispatch) {
        Ok(_) => false,
        Err(Outcome::Failed(trouble)) => trouble.reason == Reason::TooLong,
        Err(other) => panic!("{other:?}"),
    };
    let mut dispatch = dispatch();
    dispatch.outgoing.content.title = "题".repeat(200);
    dispatch.outgoing.content.body = "<".repeat(512 * 1024);
    assert!(!too_long(&dispatch));
    dispatch.outgoing.content.body.push('x');
    assert!(too_long(&dispatch));
    dispatch.outgoing.content.body.clear();
    dispatch.outgoing.content.title.push('x');
    assert!(too_long(&dispatch));
}

#[test]
fn languages_run_in_their_direction() {
    for (locale, dir) in [
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("fa_IR", "rtl"),
        ("ur", "rtl"),
        ("az-Arab", "rtl"),
        ("ar-Latn", "ltr"),
        ("en", "ltr"),
        ("arn", "ltr"),
        ("", "ltr"),
        ("!!", "ltr"),
    ] {
        let page =
            html::Page { locale, title: "", body: "x", link: None, leave: None, pixel: None };
        assert!(html::write(&page).contains(&format!(" dir=\"{dir}\">\n<head>")), "{locale}");
    }
    assert_eq!(words::words("zh-Hant-HK").1, "取消訂閱");
    assert_eq!(words::words("zh_TW").1, "取消訂閱");
    assert_eq!(words::words("zh-Hans-CN").1, "退订");
    assert_eq!(words::words("DE").0, "Öffnen");
    assert_eq!(words::words("xx").0, "Open");
    assert_eq!(words::tag("pt_BR").as_deref(), Some("pt-BR"));
    for none in ["", "en us", "en\"", "-", "abcdefghi", &"a-".repeat(20)] {
        assert_eq!(words::tag(none), None, "{none}");
    }
}

#[test]
fn any_text_makes_a_mail_that_can_be_read() {
    let alphabet: Vec<char> =
        "aZ 0=?_.,<>\"'&\\\r\n\t\0\u{b}\u{7f}\u{85}é你好😀\u{202e}\u{feff}--\u{2028}"
            .chars()
            .collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = |most: usize| -> String {
        (0..random.usize(..most)).map(|_| alphabet[random.usize(..alphabet.len())]).collect()
    };
    for _ in 0..2000 {
        let mut dispatch = linked();
        dispatch.outgoing.content.title = text(120);
        dispatch.outgoing.content.body = text(400);
        dispatch.outgoing.content.link = Some(format!("https://a.example/{}", text(40)));
        dispatch.links.read = None;
        let mail = written(&dispatch);
        assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n', '\0']));
        let mail = Read::new(&mail);
        assert_eq!(mail.headers.len(), 12);
        assert!(mail.html().trim_end().ends_with("</html>"));
    }
}
