use std::collections::BTreeMap;

use super::{
    Choice, Language, Message, Preferences, QuietHours, Subscription, Topic, Unsubscribe,
    Unsubscribed, chosen, is_one_click, is_undo, preferences, read, unknown, unsubscribe,
    unsubscribed,
};

const LANGUAGES: [Language; 4] =
    [Language::English, Language::German, Language::Chinese, Language::TraditionalChinese];

fn some_preferences(word: &str) -> Preferences {
    let topic = |key: &str, required| Topic {
        key: format!("{key}{word}"),
        title: format!("{key} {word}"),
        required,
    };
    let key = |topic: &str, channel: &str| (format!("{topic}{word}"), format!("{channel}{word}"));
    Preferences {
        sender: word.to_owned(),
        topics: vec![topic("bills", true), topic("outages", false), topic("offers", false)],
        channels: vec![format!("email{word}"), format!("sms{word}")],
        allowed: [key("outages", "email"), key("offers", "sms"), key("bills", "email")].into(),
        quiet: Some(QuietHours { from: word.into(), to: word.into(), zone: word.into() }),
        saved: true,
        action: format!("/p/{word}"),
    }
}

/// Every page there is, with this word in every text.
fn pages(word: &str, language: Language) -> Vec<String> {
    let some = |prefix: &str| Some(format!("{prefix}{word}"));
    let about = Subscription { sender: word.into(), topic: some(""), channel: some("") };
    let offered = Unsubscribe {
        about: about.clone(),
        action: format!("/u/{word}"),
        preferences: some("/p/"),
    };
    let made = Unsubscribed { about, undo: some("/u/"), preferences: some("/p/") };
    let message = Message {
        sender: word.into(),
        title: word.into(),
        text: word.into(),
        link: some("https://example.org/"),
        done: false,
        action: format!("/r/{word}"),
    };
    let done = Message { done: true, ..message.clone() };
    vec![
        preferences(&some_preferences(word), language),
        unsubscribe(&offered, language),
        unsubscribed(&made, language),
        read(&message, language),
        read(&done, language),
        unknown(language),
    ]
}

/// The tags of a page with the names of their attributes, once it is checked that all is closed and quoted.
fn tags(page: &str) -> Vec<String> {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let rest = format!("{head}{body}");
    let mut rest = rest.as_str();
    let (mut tags, mut open) = (Vec::new(), Vec::new());
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "a stray > in {text}");
        let (mut skeleton, mut end, mut quoted) = (String::new(), None, false);
        for (at, c) in after.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = Some(at);
                    break;
                }
                '<' => panic!("a stray < in {after}"),
                c if !quoted => skeleton.push(c),
                _ => {}
            }
        }
        rest = &after[end.expect("a tag ends") + 1..];
        let name = skeleton.split(' ').next().unwrap().to_owned();
        assert!(!skeleton.contains('\''), "only double quotes");
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed)),
            None if ["!doctype", "meta", "input"].contains(&name.as_str()) => {}
            None => open.push(name),
        }
        tags.push(skeleton);
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    tags
}

/// What a browser would send: the fields of the forms in a page, and those of the ticked boxes.
fn posted(page: &str) -> Vec<String> {
    page.split("<form ")
        .skip(1)
        .map(|form| {
            let form = form.split_once("</form>").unwrap().0;
            assert!(form.starts_with("method=\"post\""));
            let inputs =
                form.split("<input ").skip(1).map(|input| input.split('>').next().unwrap());
            let sent =
                inputs.filter(|input| !input.contains("checkbox") || input.contains(" checked"));
            let fields = sent.map(|input| {
                let part = |name: &str| {
                    let (_, rest) = input.split_once(&format!("{name}=\"")).unwrap();
                    rest.split('"').next().unwrap().replace('%', "%25").replace('/', "%2F")
                };
                format!("{}={}", part("name"), part("value"))
            });
            fields.collect::<Vec<_>>().join("&")
        })
        .collect()
}

const HOSTILE: [&str; 9] = [
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "\" onfocus=\"alert(1)\" autofocus=\"",
    "</title></style><img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; &#x22;",
    "{sender} {from} {zone} {",
    "\0\u{1}\u{7f}\u{85}\u{202e}\u{2066}text",
    "x--><!--",
    "`${alert(1)}`<!--/*",
];

#[test]
fn nothing_that_others_wrote_is_more_than_text() {
    for language in LANGUAGES {
        let harmless: Vec<_> = pages("word", language).iter().map(|page| tags(page)).collect();
        for word in HOSTILE {
            for (page, expected) in pages(word, language).iter().zip(&harmless) {
                let (found, expected) = (tags(page), expected.clone());
                // Addresses with spaces or control characters are left out, and so is what they belong to.
                let kept = |tags: Vec<String>| -> Vec<String> {
                    let left_out = |tag: &String| tag.starts_with("a ") || tag == "/a";
                    let tags = tags.into_iter().filter(|tag| !left_out(tag));
                    tags.map(|tag| tag.replace(" action=", "")).collect()
                };
                assert_eq!(kept(found), kept(expected), "{word}");
                let control = |c: char| c.is_control() && c != '\n';
                assert!(!page.contains(control), "{word:?}");
            }
        }
    }
}

#[test]
fn what_is_filled_in_is_not_filled_again() {
    let mut shown = some_preferences("word");
    shown.sender = "{sender}{zone}".to_owned();
    let page = preferences(&shown, Language::English);
    assert!(page.contains("<h1>What may <bdi>{sender}{zone}</bdi> send you?</h1>"));
}

#[test]
fn pages_are_whole() {
    for language in LANGUAGES {
        let pages = pages("word", language);
        for page in &pages {
            let tags = tags(page);
            let count =
                |name: &str| tags.iter().filter(|tag| tag.split(' ').next() == Some(name)).count();
            assert!(page.starts_with("<!doctype html>\n"));
            assert!(page.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", language.tag())));
            assert!(
                page.contains("name=\"viewport\" content=\"width=device-width, initial-scale=1\"")
            );
            assert_eq!((count("h1"), count("main"), count("title"), count("style")), (1, 1, 1, 0));
            assert_eq!(count("script") + count("img") + count("link") + count("iframe"), 0);
            assert_eq!(count("fieldset"), count("legend"));
            let scripted = |part: &str| part.starts_with("on") || part.starts_with("style=");
            assert!(!tags.iter().flat_map(|tag| tag.split(' ').skip(1)).any(scripted));
        }
        // All boxes have a label around them.
        let boxes = pages[0].matches("type=\"checkbox\"").count();
        assert_eq!(boxes, 4);
        assert_eq!(
            pages[0].matches("<label class=\"way\"><input type=\"checkbox\"").count(),
            boxes
        );
    }
}

#[test]
fn the_style_of_a_page_is_the_one_that_is_allowed() {
    use base64::Engine as _;
    use sha2::Digest as _;
    for page in pages("word", Language::German) {
        let (_, rest) = page.split_once("<style>").unwrap();
        let style = rest.split_once("</style>").unwrap().0;
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
        let allowed = format!("style-src 'sha256-{hash}';");
        assert!(super::headers().iter().any(|(_, value)| value.contains(&allowed)));
    }
}

#[test]
fn preferences_come_back_as_they_were_shown() {
    for word in [" word", "\"/<%25>&+=\u{4e2d}"] {
        let shown = some_preferences(word);
        let page = preferences(&shown, Language::English);
        let forms = posted(&page);
        assert_eq!(forms.len(), 2);
        let mut each = BTreeMap::new();
        for topic in shown.topics.iter().filter(|topic| !topic.required) {
            for channel in &shown.channels {
                let cell = (topic.key.clone(), channel.clone());
                let wanted = shown.allowed.contains(&cell);
                each.insert(cell, wanted);
            }
        }
        assert_eq!(each.values().filter(|wanted| **wanted).count(), 2);
        assert_eq!(Choice::of(&chosen(forms[0].as_bytes()).unwrap()), Choice::Each(each));
        assert_eq!(Choice::of(&chosen(forms[1].as_bytes()).unwrap()), Choice::Nothing);
    }
}

#[test]
fn preferences_say_what_is_so() {
    let mut shown = some_preferences("word");
    shown.channels = vec!["email".to_owned(), "pigeon".to_owned()];
    let page = preferences(&shown, Language::German);
    assert!(page.contains("E-Mail</span>") && page.contains("pigeon</span>"));
    assert!(page.contains("Ihre Auswahl ist gespeichert.") && page.contains("role=\"status\""));
    assert!(page.contains("werden immer gesendet") && page.contains("nur noch, was immer"));
    assert!(page.contains("haben Sie Ruhe"));
    assert!(page.contains("method=\"post\" action=\"/p/word\""));
    shown.saved = false;
    shown.quiet = None;
    shown.topics.retain(|topic| !topic.required);
    let page = preferences(&shown, Language::German);
    for gone in ["gespeichert", "haben Sie Ruhe", "immer gesendet"] {
        assert!(!page.contains(gone), "{gone}");
    }
    // Nothing to choose, no form.
    for empty in [
        Preferences { channels: Vec::new(), ..shown.clone() },
        Preferences { topics: Vec::new(), ..shown.clone() },
        Preferences::default(),
    ] {
        let page = preferences(&empty, Language::English);
        assert!(!page.contains("<form") && page.contains("nothing to choose"));
        tags(&page);
    }
}

#[test]
fn unsubscribing_says_what_it_is_about() {
    let about = Subscription {
        sender: "Nordlicht".to_owned(),
        topic: Some("Offers".to_owned()),
        channel: Some("sms".to_owned()),
    };
    let mut shown = Unsubscribe { about, action: String::new(), preferences: None };
    let page = unsubscribe(&shown, Language::English);
    for text in ["Nordlicht</dd>", "Offers</dd>", "Text message</dd>", "<form method=\"post\">"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("href"));
    let forms = posted(&page);
    assert_eq!(forms.len(), 1);
    assert!(is_one_click(forms[0].as_bytes()));
    shown.about.topic = None;
    shown.about.channel = None;
    shown.preferences = Some("/p/1?a=b&c=d".to_owned());
    let page = unsubscribe(&shown, Language::English);
    assert!(page.contains("All messages</dd>") && page.contains("Every channel</dd>"));
    assert!(page.contains("href=\"/p/1?a=b&amp;c=d\""));

    let mut made =
        Unsubscribed { about: shown.about, undo: Some(String::new()), preferences: None };
    let forms = posted(&unsubscribed(&made, Language::English));
    assert_eq!(forms.len(), 1);
    assert!(is_undo(&chosen(forms[0].as_bytes()).unwrap()) && !is_one_click(forms[0].as_bytes()));
    made.undo = None;
    assert!(posted(&unsubscribed(&made, Language::English)).is_empty());
}

#[test]
fn reading_is_said_once() {
    let mut shown = Message {
        sender: "Nordlicht".to_owned(),
        title: "Power off".to_owned(),
        text: "On Tuesday.\r\nFrom 9 < 11.".to_owned(),
        link: Some("https://example.org/?a=1&b=\"2\"".to_owned()),
        done: false,
        action: "https://push.example.org/r/1".to_owned(),
    };
    let page = read(&shown, Language::English);
    assert!(page.contains("Power off</h1>") && page.contains("On Tuesday.\nFrom 9 &lt; 11.</p>"));
    assert!(page.contains("action=\"https://push.example.org/r/1\""));
    assert!(page.contains("href=\"https://example.org/?a=1&amp;b=&quot;2&quot;\""));
    assert_eq!(posted(&page).len(), 1);
    shown.done = true;
    let page = read(&shown, Language::English);
    assert!(page.contains("Thank you") && page.contains("<bdi>Nordlicht</bdi> now knows"));
    assert!(posted(&page).is_empty() && !page.contains("On Tuesday"));
}

#[test]
fn links_lead_to_pages_only() {
    let at = |url: &str| {
        let link = Some(url.to_owned());
        let message = Message { link, action: url.to_owned(), ..Message::default() };
        let page = read(&message, Language::English);
        assert_eq!(page.contains("href="), page.contains("action="));
        page.contains("href=")
    };
    for good in ["https://a.example/", "HTTP://a.example", "/r/1?x=y", "/", "https://例.example/"]
    {
        assert!(at(good), "{good}");
    }
    for bad in [
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "https://",
        "https:evil",
        " https://a.example",
        "java\nscript:alert(1)",
        "/a b",
        "https://a.example/\u{2028}",
        "mailto:a@b.example",
        "vbscript:x",
        "r/1",
        "\u{1}javascript:alert(1)",
        "hततps://a",
    ] {
        assert!(!at(bad), "{bad:?}");
    }
}

#[test]
fn an_unknown_link_says_nothing_about_anybody() {
    let page = unknown(Language::English);
    assert!(!page.contains("sender\"") && !page.contains("<form") && !page.contains("href"));
    assert!(page.contains("does not work"));
}

#[test]
fn who_sends_has_a_mark_if_there_is_a_letter() {
    let mark = |sender: &str| {
        let message = Message { sender: sender.to_owned(), ..Message::default() };
        let page = read(&message, Language::English);
        let (_, rest) = page.split_once("class=\"mark\" aria-hidden=\"true\">")?;
        Some(rest.split_once("</span>").unwrap().0.to_owned())
    };
    assert_eq!(mark("nordlicht").as_deref(), Some("N"));
    assert_eq!(mark("\u{201c}\u{fc}ber\u{201d}").as_deref(), Some("\u{dc}"));
    assert_eq!(mark("\u{df}harp").as_deref(), Some("SS"));
    assert_eq!(mark("\u{5317}\u{8fb0}").as_deref(), Some("\u{5317}"));
    assert_eq!(mark("<&\"'>"), None);
    assert_eq!(mark(""), None);
}
