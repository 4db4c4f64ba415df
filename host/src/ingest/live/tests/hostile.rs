//! Bodies that nobody sends by mistake, and bodies that went wrong on their way.

use super::golden::{BROWSER, BROWSER_PAGE, NODE, PHP, PYTHON};
use super::*;
use crate::ingest::live::{cloudevents, history};

const CLOUD: &str = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","time":
"2026-03-02T09:00:00Z","data":{"user":5,"a":[1,null,{"b":true}],"c":{"d":-1.5e-3}}},{"specversion":"1.0",
"id":"2","source":"/s","type":"t","nudgekind":"page","datacontenttype":"application/json","data_base64":
"eyJ1c2VyIjoxfQ=="}]"#;
const ROW: &str = r#"{"user":"u","time":"2020-01-01T00:00:00Z","node":"cart","price":2,"in":{"a":[1,"x\u00e9"]}}"#;

const KINDS: [Kind; 7] =
    [Kind::Identify, Kind::Track, Kind::Page, Kind::Screen, Kind::Group, Kind::Alias, Kind::Batch];

/// What is put in: whatever is apt to upset somebody.
const BITS: [&str; 24] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-",
    "1e999",
    "0.1",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "é",
    "9223372036854775808",
    "\"userId\":",
    "\"anon:x\"",
    "\"properties\":[",
    "%",
    "\"\"",
    "$",
];

/// Numbers by chance, the same in every run (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((n ^ (n >> 31)) % most.max(1) as u64) as usize
    }

    fn spoil(&mut self, body: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let from = self.below(body.len());
            let to = (from + self.below(24)).min(body.len());
            match self.below(6) {
                0 => drop(body.drain(from..to)),
                1 => drop(body.splice(from..from, BITS[self.below(BITS.len())].bytes())),
                2 => drop(body.splice(from..to, BITS[self.below(BITS.len())].bytes())),
                3 => body.extend_from_within(from..to),
                4 if from < body.len() => body[from] = self.below(256) as u8,
                _ => {
                    let piece = body[from..to].to_vec();
                    let at = self.below(body.len());
                    body.splice(at..at, piece);
                }
            }
        }
    }
}

/// What is put in place of a value.
fn odd(dice: &mut Dice) -> Json {
    match dice.below(14) {
        0 => json!(null),
        1 => json!(""),
        2 => json!(dice.below(2) == 0),
        3 => json!(-5),
        4 => json!(u64::MAX),
        5 => json!(1e300),
        6 => json!("x".repeat(dice.below(300))),
        7 => json!("é".repeat(dice.below(27_000))),
        8 => json!({"a": {"": [1, {}]}, "user": "v"}),
        9 => json!((0..dice.below(300)).collect::<Vec<_>>()),
        10 => (0..dice.below(300)).map(|n| (format!("k{n}"), json!(n))).collect(),
        11 => json!("2026-03-02T09:00:00Z"),
        12 => json!("anon:x"),
        _ => json!("a\u{0}\n\u{85}"),
    }
}

/// Changes one value somewhere in `json`.
pub(super) fn shake(json: &mut Json, dice: &mut Dice) {
    let inner = match json {
        Json::Array(all) => {
            let n = dice.below(all.len());
            all.get_mut(n)
        }
        Json::Object(all) => {
            let n = dice.below(all.len());
            all.values_mut().nth(n)
        }
        _ => None,
    };
    match inner {
        Some(inner) if dice.below(8) > 0 => shake(inner, dice),
        _ => *json = odd(dice),
    }
}

fn good(text: &str, most: usize) {
    assert!((1..=most).contains(&text.len()) && !text.chars().any(char::is_control), "{text:?}");
}

fn within_limits(item: &Item) {
    assert!(item.at <= Instant(NOW) && item.at >= Instant(-62_135_596_800_000));
    assert!(item.who.user.is_some() || item.who.anonymous.is_some());
    item.who.user.iter().for_each(|id| assert!(!id.starts_with("anon:")));
    item.who.user.iter().chain(&item.who.anonymous).for_each(|id| good(id, 256));
    let all = match &item.deed {
        Deed::Alias { previous } => return good(previous, 256),
        Deed::Happened(all) => all,
    };
    assert!(all.len() <= 1);
    for what in all {
        let fields = match what {
            What::Operation { name, fields } | What::Page { name, fields } => {
                assert!(!name.trim().is_empty() && name.chars().count() <= 200);
                fields
            }
            What::Profile { fields } => fields,
            _ => continue,
        };
        assert!(fields.iter().count() <= 1000);
        for (name, value) in fields.iter() {
            assert!(name.len() <= 256);
            match value {
                Value::Text(text) => assert!(text.len() <= 24_576),
                Value::Number(number) => assert!(number.is_finite()),
                _ => {}
            }
        }
    }
}

fn looked_at(refused: &Refused) {
    assert!(!refused.reason.is_empty() && refused.reason.len() < 300, "{refused}");
    assert!(refused.at.len() < 6000 && !refused.at.chars().any(char::is_control), "{refused}");
}

fn judge(result: Result<Vec<Result<Item, Refused>>, Refused>) -> usize {
    let items = match result {
        Ok(items) => items,
        Err(refused) => {
            looked_at(&refused);
            return 0;
        }
    };
    items.iter().flatten().for_each(within_limits);
    items.iter().filter_map(|item| item.as_ref().err()).for_each(looked_at);
    items.iter().flatten().count()
}

#[test]
fn what_went_wrong_on_its_way_upsets_nobody() {
    let mut dice = Dice(20_260_302);
    let bodies = [NODE, PYTHON, BROWSER, BROWSER_PAGE, PHP, CLOUD, ROW];
    let modes =
        ["application/cloudevents+json", "application/cloudevents-batch+json", "", "text/plain"];
    let (mut items, mut rounds) = (0, 0);
    for _ in 0..1500 {
        for body in bodies {
            let body = match dice.below(2) {
                0 => {
                    let mut body = body.as_bytes().to_vec();
                    dice.spoil(&mut body);
                    body
                }
                _ => {
                    let mut body = serde_json::from_str(body).unwrap();
                    (0..=dice.below(3)).for_each(|_| shake(&mut body, &mut dice));
                    body.to_string().into_bytes()
                }
            };
            let kind = KINDS[dice.below(KINDS.len())];
            items += judge(call(kind, &body, &received()).map(|call| call.items));
            items += judge(call(Kind::Batch, &body, &received()).map(|call| call.items));
            items += judge(history::line(&body, &received()).map(|item| vec![Ok(item)]));
            let mut value = b"%E2%82%AC \"a\\\"b\" 1.0".to_vec();
            dice.spoil(&mut value);
            let media = modes[dice.below(modes.len())];
            let odd = dice.below(6);
            let headers = |name: &str| match name {
                "content-type" => Some(media.as_bytes()),
                "ce-specversion" if odd != 0 => Some(&b"1.0"[..]),
                "ce-id" | "ce-source" | "ce-subject" if odd != 1 => Some(&b"%22x%22"[..]),
                "ce-type" => Some(&value[..]),
                _ => None,
            };
            items += judge(cloudevents::read(headers, &body, &received()));
            rounds += 1;
        }
    }
    assert_eq!(rounds, 10_500);
    // Many are still good: the rounds do reach the items.
    assert!(items > 3000, "{items}");
}

#[test]
fn depth_does_not_exhaust_the_stack() {
    let run = || {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
            let most = 480_000 / (open.len() + close.len());
            for depth in [100, 127, 129, 2000, most] {
                let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                for body in [
                    deep.clone(),
                    format!("{{\"batch\":{deep}}}"),
                    format!("{{\"context\":{deep},\"batch\":[]}}"),
                    format!(
                        "{{\"batch\":[{{\"type\":\"track\",\"userId\":\"u\",\"event\":\"e\",\"properties\":{{\"a\":{deep}}}}}]}}"
                    ),
                    open.repeat(depth),
                ] {
                    let limits = Limits { item_bytes: 1 << 20, ..Limits::default() };
                    let received = Received { limits, ..received() };
                    for kind in KINDS {
                        judge(call(kind, body.as_bytes(), &received).map(|call| call.items));
                    }
                    judge(history::line(body.as_bytes(), &received).map(|item| vec![Ok(item)]));
                    for media in
                        ["application/cloudevents+json", "application/cloudevents-batch", ""]
                    {
                        let headers = |name: &str| match name {
                            "content-type" => Some(media.as_bytes()),
                            "ce-specversion" => Some(&b"1.0"[..]),
                            _ => Some(&b"x"[..]).filter(|_| {
                                !["ce-datacontenttype", "ce-time", "ce-nudgekind"].contains(&name)
                            }),
                        };
                        judge(cloudevents::read(headers, body.as_bytes(), &received));
                    }
                }
            }
        }
    };
    // A thread of a server has less than a test has.
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap();
    thread.join().unwrap();
}

#[test]
fn many_small_things_take_no_long_time() {
    let start = std::time::Instant::now();
    let limits = Limits { item_bytes: 512 << 10, ..Limits::default() };
    let received = Received { limits, ..received() };
    for piece in ["\"a\":null,", "\"a\":1,", "\"\":{},", "\"a\":[],"] {
        let inner = piece.repeat(500_000 / piece.len());
        let body =
            format!("{{\"userId\":\"u\",\"event\":\"e\",\"properties\":{{{inner}\"z\":1}}}}");
        judge(call(Kind::Track, body.as_bytes(), &received).map(|call| call.items));
    }
    let names = (0..40_000).map(|n| format!("\"{n}\":null")).collect::<Vec<_>>().join(",");
    let body = format!("{{\"userId\":\"u\",\"event\":\"e\",\"properties\":{{{names}}}}}");
    assert_eq!(judge(call(Kind::Track, body.as_bytes(), &received).map(|call| call.items)), 1);
    assert!(start.elapsed().as_secs() < 10);
}
