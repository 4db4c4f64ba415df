use serde_json::json;

use super::*;
use crate::channel::tests::dispatch;

fn secrets() -> BTreeMap<String, Secret> {
    BTreeMap::from([("key".to_owned(), Secret::from("s3cr&t"))])
}

fn fill(text: &str, escape: Escape) -> String {
    let secrets = secrets();
    let names = Names { secrets: Some(&secrets), token: true, sign: true };
    let template = Template::parse(text, escape, names).unwrap();
    let dispatch = dispatch();
    let filling =
        Filling { token: "tok/en", timestamp: "42", sign: "a+b=", ..Filling::of(&dispatch) };
    let mut out = String::new();
    template.fill(&filling, &mut out).unwrap();
    out
}

#[test]
fn every_placeholder_has_its_value() {
    for (name, value) in [
        ("title", "订单已发货"),
        ("body", "It is on its way."),
        ("link", "https://shop.example/o/7?a=1&b=2"),
        ("address", "the-address"),
        ("user", "u-1"),
        ("tracking", "0123456789abcdef0123456789abcdef"),
        ("message", "m-1"),
        ("locale", "zh-CN"),
        ("topic", "orders"),
        ("read", "https://push.example/r/0123"),
        ("unsubscribe", "https://push.example/u/0123"),
        ("feature.order", "A 7"),
        ("feature.count", "3"),
        ("feature.none", ""),
        ("secret.key", "s3cr&t"),
        ("token", "tok/en"),
        ("timestamp", "42"),
        ("sign", "a+b="),
    ] {
        assert_eq!(fill(&format!("<{{{{{name}}}}}>"), Escape::Plain), format!("<{value}>"));
        assert_eq!(fill(&format!("{{{{ {name}\t}}}}}}"), Escape::Plain), format!("{value}}}"));
    }
    assert_eq!(fill("", Escape::Plain), "");
    assert_eq!(fill("}} { no {placeholder} }", Escape::Plain), "}} { no {placeholder} }");
    assert_eq!(fill("{{title}}{{title}}", Escape::Plain), "订单已发货订单已发货");
}

#[test]
fn values_are_escaped_for_their_place() {
    assert_eq!(fill("{{link}}", Escape::Url), "https%3A%2F%2Fshop.example%2Fo%2F7%3Fa%3D1%26b%3D2");
    assert_eq!(fill("{{feature.order}}", Escape::Url), "A%207");
    assert_eq!(fill("{{feature.order}}", Escape::Form), "A+7");
    assert_eq!(fill("{{sign}}", Escape::Form), "a%2Bb%3D");
    assert_eq!(fill("{{link}}", Escape::Markup), "https://shop.example/o/7?a=1&amp;b=2");
    assert_eq!(fill("{{html link}}", Escape::Plain), "https://shop.example/o/7?a=1&amp;b=2");
    assert_eq!(fill("{{html link}}", Escape::Markup), "https://shop.example/o/7?a=1&amp;b=2");
    assert_eq!(fill("{{url feature.order}}", Escape::Plain), "A%207");
    let mut out = String::new();
    Escape::Json.write("\"\\\n\r\t\u{1}\u{7f}é</script>", &mut out);
    assert_eq!(out, "\\\"\\\\\\n\\r\\t\\u0001\u{7f}é</script>");
    let mut out = String::new();
    Escape::Header.write("a\r\nb\0c\u{85}d", &mut out);
    assert_eq!(out, "a  b c d");
    let mut out = String::new();
    Escape::Markup.write("<a href=\"x\" id='y'>&", &mut out);
    assert_eq!(out, "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
}

#[test]
fn what_is_not_known_is_said() {
    let secrets = secrets();
    let names = Names { secrets: Some(&secrets), token: false, sign: false };
    for wrong in [
        "{{}}",
        "{{ }}",
        "{{name}}",
        "{{Title}}",
        "{{feature}}",
        "{{feature.}}",
        "{{secret.other}}",
        "{{secret.}}",
        "{{secret}}",
        "{{token}}",
        "{{sign}}",
        "{{title",
        "{{title}",
        "{{title}} and {{",
        "{{shout title}}",
        "{{html html title}}",
        "{{{title}}}",
        "{{env.PATH}}",
    ] {
        assert!(Template::parse(wrong, Escape::Plain, names).is_err(), "{wrong}");
    }
    let error = Template::parse("{{nobody}}", Escape::Plain, Names::default()).err().unwrap();
    assert!(error.contains("`{{nobody}}`"), "{error}");
    Template::parse("{{secret.key}}", Escape::Plain, Names::default()).err().unwrap();
}

#[test]
fn json_is_read_with_the_place_of_each_fault() {
    let value = json!({
        "a": ["{{title}}", "{{nope}}", { "b/c": "{{also}}" }],
        "d{{title}}": 1,
        "e": "{{",
    });
    let wrongs = Template::json(&value, "/body", Names::default()).err().unwrap();
    let paths: Vec<_> = wrongs.iter().map(|wrong| wrong.path.as_str()).collect();
    assert_eq!(paths, ["/body/a/1", "/body/a/2/b~1c", "/body/d{{title}}", "/body/e"]);
}

/// Values that want to be more than values.
const HOSTILE: &[&str] = &[
    "",
    "\"",
    "\\",
    "\\\"",
    "\",\"admin\":true,\"x\":\"",
    "{{secret.key}}",
    "{{",
    "}}",
    "{{title}}",
    "{\"a\":1}",
    "\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1",
    "\0\u{1}\u{1f}\u{7f}\u{85}\u{2028}\u{2029}",
    "&a=b",
    "%00%0d%0a",
    "a b+c",
    "?q#f/../..;@:",
    "<script>alert('x')</script>",
    "]]><!--",
    "日本語 \u{1F600} \u{202e}abc \u{feff}",
    "${jndi:ldap://x}",
    "'; drop table users; --",
];

#[test]
fn hostile_values_stay_values() {
    let secrets = secrets();
    let names = Names { secrets: Some(&secrets), token: true, sign: true };
    let json = Template::json(
        &json!({ "t": "{{title}}", "list": ["<{{body}}>", 1, null, true], "n\"": "{{feature.f}}",
                 "inner": "{\"b\":\"{{json body}}\"}" }),
        "",
        names,
    );
    let json = json.unwrap_or_else(|_| panic!("templates"));
    let form = Template::parse("a={{title}}&b={{body}}&c=1", Escape::Form, names).unwrap();
    let url = "https://v.example/p/{{title}}?q={{body}}&r=1";
    let url = Template::parse(url, Escape::Url, names).unwrap();
    let header = Template::parse("x {{title}}", Escape::Header, names).unwrap();
    for one in HOSTILE {
        for two in HOSTILE {
            let mut dispatch = dispatch();
            let content = &mut dispatch.outgoing.content;
            content.title = (*one).to_owned();
            content.body = (*two).to_owned();
            content.features.set("f".into(), crate::engine::event::Value::Text((*one).into()));
            let filled = |template: &Template| {
                let mut out = String::new();
                template.fill(&Filling::of(&dispatch), &mut out).unwrap();
                assert!(!out.contains("s3cr"), "{out}");
                out
            };
            let read: Value = serde_json::from_str(&filled(&json)).unwrap();
            let inner = read["inner"].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(inner).unwrap(), json!({ "b": two }));
            assert_eq!(
                read,
                json!({ "t": one, "list": [format!("<{two}>"), 1, null, true], "n\"": one,
                        "inner": inner })
            );
            // Forms and queries are read alike.
            let as_query = format!("http://x/?{}", filled(&form));
            let pairs = |url: &str| -> Vec<(String, String)> {
                let url = reqwest::Url::parse(url).unwrap();
                url.query_pairs().map(|(a, b)| (a.into_owned(), b.into_owned())).collect()
            };
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            assert_eq!(pairs(&as_query), [pair("a", one), pair("b", two), pair("c", "1")]);
            let url = filled(&url);
            assert_eq!(pairs(&url), [pair("q", two), pair("r", "1")]);
            let url = reqwest::Url::parse(&url).unwrap();
            assert_eq!((url.host_str(), url.fragment()), (Some("v.example"), None));
            assert_eq!(url.path_segments().unwrap().count(), 2, "{url}");
            assert!(reqwest::header::HeaderValue::try_from(filled(&header)).is_ok());
        }
    }
}

#[test]
fn who_has_no_address_gets_none() {
    let template = Template::parse("to {{address}}", Escape::Plain, Names::default()).unwrap();
    let mut dispatch = dispatch();
    dispatch.outgoing.address = None;
    let trouble = template.fill(&Filling::of(&dispatch), &mut String::new()).unwrap_err();
    assert_eq!(trouble.reason, Reason::NoAddress);
    // Another placeholder falls back on what there is.
    dispatch.links.read = None;
    let template = Template::parse("{{read}}", Escape::Plain, Names::default()).unwrap();
    let mut out = String::new();
    template.fill(&Filling::of(&dispatch), &mut out).unwrap();
    assert_eq!(out, "https://shop.example/o/7?a=1&b=2");
}

#[test]
fn there_is_an_end_to_it() {
    let text = "{{body}}".repeat(2000);
    let template = Template::parse(&text, Escape::Plain, Names::default()).unwrap();
    let mut dispatch = dispatch();
    dispatch.outgoing.content.body = "a".repeat(10_000);
    let mut out = String::new();
    let trouble = template.fill(&Filling::of(&dispatch), &mut out).unwrap_err();
    assert_eq!(trouble.reason, Reason::TooLong);
    assert!(out.len() < MOST_FILLED + 20_000);
}

#[test]
fn what_is_fixed_is_known_beforehand() {
    let secrets = secrets();
    let names = Names { secrets: Some(&secrets), token: true, sign: true };
    let parse = |text| Template::parse(text, Escape::Url, names).unwrap();
    assert_eq!(parse("https://x/?k={{secret.key}}").fixed().unwrap(), "https://x/?k=s3cr%26t");
    assert_eq!(parse("plain").fixed().unwrap(), "plain");
    assert!(parse("{{token}}").fixed().is_none());
    assert!(parse("{{title}}").fixed().is_none());
    assert_eq!(parse("https://x/{{title}}").lead(), "https://x/");
    assert_eq!(parse("{{title}}/").lead(), "");
    assert!(parse("a{{sign}}").uses(&Slot::Sign));
    assert!(!parse("a{{title}}").uses(&Slot::Sign));
}
