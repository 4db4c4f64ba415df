use super::{CHANNELS, Language};

const ALL: [Language; 4] =
    [Language::English, Language::German, Language::Chinese, Language::TraditionalChinese];

#[test]
fn the_locale_decides() {
    for (locale, language) in [
        ("en", Language::English),
        ("en-GB", Language::English),
        ("EN-us", Language::English),
        ("de", Language::German),
        ("de-AT", Language::German),
        ("de_CH.UTF-8", Language::German),
        ("de-Latn-DE-1996", Language::German),
        ("zh", Language::Chinese),
        ("zh-CN", Language::Chinese),
        ("zh-SG", Language::Chinese),
        ("zh_CN.UTF-8", Language::Chinese),
        ("zh-Hans", Language::Chinese),
        ("zh-Hans-HK", Language::Chinese),
        ("zh-Hant", Language::TraditionalChinese),
        ("zh-Hant-CN", Language::TraditionalChinese),
        ("zh-TW", Language::TraditionalChinese),
        ("zh-HK", Language::TraditionalChinese),
        ("zh_MO", Language::TraditionalChinese),
    ] {
        assert_eq!(Language::of(locale, None), language, "{locale}");
        assert_eq!(Language::of(locale, Some("fr, de;q=0.1, zh-TW;q=0.2")), language, "{locale}");
    }
}

#[test]
fn or_else_the_browser_does() {
    for (header, language) in [
        ("de", Language::German),
        ("de-DE,de;q=0.9,en;q=0.8", Language::German),
        ("fr-FR,fr;q=0.9,de;q=0.3,zh;q=0.5", Language::Chinese),
        ("en;q=0.5, zh-TW ; q=0.7", Language::TraditionalChinese),
        ("de;q=0.5,en;q=0.5", Language::German),
        ("de;q=0, zh;q=0.001", Language::Chinese),
        ("de;q=0", Language::English),
        ("de;q=2, zh;q=0.1", Language::Chinese),
        ("de;q=-1, zh;q=0.1", Language::Chinese),
        ("de;q=NaN, zh;q=0.1", Language::Chinese),
        ("de;q=inf, zh;q=0.1", Language::Chinese),
        ("de;q=, zh;q=0.1", Language::Chinese),
        ("*", Language::English),
        ("fr, *;q=0.5", Language::English),
        ("", Language::English),
        (",,;;=,q=1", Language::English),
        ("deutsch", Language::English),
    ] {
        for locale in ["", "fr", "und", "-", "de-".get(..0).unwrap(), "deu", "\u{0}", "."] {
            assert_eq!(Language::of(locale, Some(header)), language, "{locale:?} {header:?}");
        }
    }
    assert_eq!(Language::of("", None), Language::English);
}

#[test]
fn no_header_is_too_odd() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..5_000 {
        let bytes: Vec<u8> = (0..random.usize(0..60))
            .map(|_| b"dezhn-_,;q=0.1* \xe2\x82\xac"[random.usize(0..19)])
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        let _ = Language::of(&text, Some(&text));
    }
    let long = "\u{20ac}".repeat(100_000);
    assert_eq!(Language::of(&long, Some(&long)), Language::English);
    assert_eq!(Language::of("", Some(&format!("{long},de"))), Language::English);
    assert_eq!(Language::of(&format!("de-{long}"), None), Language::German);
}

/// The sentences with the names in their braces, in the order of the alphabet.
fn sentences(language: Language) -> Vec<(String, Vec<String>)> {
    let written = format!("{:#?}", language.texts());
    let lines = written.lines().filter_map(|line| line.trim().split_once(": "));
    lines
        .map(|(name, text)| {
            let mut braces: Vec<String> = text
                .split('{')
                .skip(1)
                .map(|rest| rest.split_once('}').unwrap().0.to_owned())
                .collect();
            braces.sort();
            assert!(text.len() > 4, "{name} says something");
            assert!(!text.contains(['<', '&', '>']), "{name} is put into pages as it is");
            (name.to_owned(), braces)
        })
        .collect()
}

#[test]
fn all_languages_say_the_same() {
    let english = sentences(Language::English);
    assert_eq!(english.len(), 34);
    assert!(english.iter().any(|(_, braces)| braces == &["from", "to", "zone"]));
    for language in ALL {
        assert_eq!(sentences(language), english, "{language:?}");
        assert_eq!(Language::of(language.tag(), None), language);
        for (name, _) in CHANNELS {
            assert!(language.channel(name).is_some_and(|called| !called.contains(['<', '&'])));
        }
        assert_eq!(language.channel("pigeon"), None);
    }
}
