//! One file: when it is finished, how it is read, what is said of its bad rows.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use super::stage::csv;
use crate::engine::event::Instant;
use crate::feed::folder::{Folder, facts, shown};
use crate::feed::reader::{Counts, Source, Unread};
use crate::feed::watch::{Facts, Watch, is_wanted};
use crate::feed::{Stop, rejects, signal};
use crate::ingest::Options;
use crate::ingest::live::{Limits, Received};
use crate::service::{END, Portion};

const NOW: Instant = Instant(1_790_000_000_000);

fn received() -> Received {
    Received { now: NOW, limits: Limits::default() }
}

fn seen(size: u64, changed: u64) -> Facts {
    let changed = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(changed));
    Facts { size, changed, number: (1, 1) }
}

#[test]
fn b1_a_file_that_still_changes_is_not_read() {
    let mut watch = Watch::new(Duration::from_secs(5));
    let mut look = |now, files: &[(&str, Facts)]| -> Vec<String> {
        let files = files.iter().map(|(name, facts)| (OsString::from(name), *facts));
        let ready = watch.look(Duration::from_secs(now), files);
        ready.into_iter().map(|(name, _)| name.into_string().unwrap()).collect()
    };
    let none: [String; 0] = [];
    assert_eq!(look(0, &[("b", seen(1, 1)), ("a", seen(1, 1))]), none);
    assert_eq!(look(4, &[("b", seen(1, 1)), ("a", seen(2, 1))]), none);
    assert_eq!(look(5, &[("b", seen(1, 1)), ("a", seen(2, 1))]), ["b"]);
    assert_eq!(look(9, &[("b", seen(1, 2)), ("a", seen(2, 1))]), ["a"], "written on, in place");
    assert_eq!(look(14, &[("b", seen(1, 2)), ("a", seen(2, 1))]), ["a", "b"]);
    // Gone and there again is another one.
    assert_eq!(look(15, &[]), none);
    assert_eq!(look(30, &[("a", seen(2, 1))]), none);
}

#[test]
fn b1_what_is_to_be_left_is_left_until_it_changes() {
    let mut watch = Watch::new(Duration::ZERO);
    let mut look = |facts| watch.look(Duration::ZERO, [(OsString::from("a"), facts)]).len();
    assert_eq!(look(seen(1, 1)), 1);
    watch.leave("a".as_ref());
    let mut look = |facts| watch.look(Duration::ZERO, [(OsString::from("a"), facts)]).len();
    assert_eq!((look(seen(1, 1)), look(seen(2, 1))), (0, 1));
}

#[test]
fn b1_names_of_files_that_are_being_written_are_known() {
    for name in ["a.csv", "a", "part", "a.part.csv", "tmp", "done", "ä", "feed.toml.csv"] {
        assert!(is_wanted(name.as_ref()), "{name}");
    }
    for name in [".a.csv", "a.csv.part", "a.TMP", "a.crdownload", ".", ".part", "feed.toml"] {
        assert!(!is_wanted(name.as_ref()), "{name}");
    }
    assert_eq!(shown("a\n\u{1b}[31m\"b\u{202e}".as_ref()), "a\\n\\u{1b}[31m\"b\\u{202e}");
}

/// A folder with one file in it.
struct One {
    at: tempfile::TempDir,
    name: OsString,
}

impl One {
    fn new(name: &str, content: &[u8]) -> One {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join(name), content).unwrap();
        One { at, name: name.into() }
    }

    fn folder(&self) -> Folder {
        Folder::new(self.at.path().to_owned())
    }

    fn path(&self) -> std::path::PathBuf {
        self.at.path().join(&self.name)
    }

    fn open(&self) -> Source {
        self.open_with(Options::default())
    }

    fn open_with(&self, options: Options) -> Source {
        let seen = facts(&fs::symlink_metadata(self.path()).unwrap());
        let file = self.folder().open(&self.name, seen).unwrap();
        Source { name: shown(&self.name), file, seen, options }
    }

    fn digest(&self) -> Result<String, Unread> {
        self.open().check(&go_on().1)
    }

    /// Reads it from after this row on.
    fn read(&self, after: u64) -> Result<(Vec<Portion>, Counts), Unread> {
        let (source, mut all, mut counts) = (self.open(), Vec::new(), Counts::default());
        let digest = self.digest().unwrap();
        source.read(&digest, after, &self.folder(), received, |portion, count| {
            all.push(portion);
            counts.taken += count.taken;
            counts.refused += count.refused;
            Ok(())
        })?;
        Ok((all, counts))
    }

    /// The rejects, once the file is finished.
    fn rejects(&self) -> Vec<Json> {
        rejects::publish(&self.folder(), &self.digest().unwrap(), &self.name).unwrap();
        let mut name = self.name.clone();
        name.push(".ndjson");
        lines(&self.at.path().join("rejects").join(name))
    }
}

fn lines(path: &Path) -> Vec<Json> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn go_on() -> (signal::Sender<bool>, Stop) {
    let (stop, stopped) = signal::channel(false);
    (stop, Stop(stopped))
}

impl One {
    fn check_stopped(&self) -> Result<String, Unread> {
        let (stop, stopped) = go_on();
        drop(stop);
        self.open().check(&stopped)
    }
}

fn rows(portions: &[Portion]) -> Vec<u64> {
    portions.iter().flat_map(|portion| portion.items.iter().map(|(row, _)| *row)).collect()
}

#[test]
fn b1_portions_follow_each_other_and_the_last_is_the_end() {
    let one = One::new("a.csv", csv(0..2_500).as_bytes());
    let (portions, counts) = one.read(0).unwrap();
    assert_eq!(counts, Counts { taken: 2_500, refused: 0 });
    let ends: Vec<(u64, u64)> = portions.iter().map(|p| (p.after, p.end)).collect();
    assert_eq!(ends, [(0, 1_000), (1_000, 2_000), (2_000, END)]);
    assert_eq!(rows(&portions), (1..=2_500).collect::<Vec<u64>>());
    assert!(one.rejects().is_empty());
    assert!(!one.at.path().join("rejects").exists(), "nothing is made for nothing");
    assert!(matches!(one.check_stopped(), Err(Unread::Stopped)));
}

#[test]
fn b1_it_is_read_on_from_every_row_with_the_same_rejects() {
    let text = "user,node,time,mark\nada,a,2026-03-02T10:00:00Z,1\nada,b,never,2\nben,c,2026-03-02,3\n\
        x\n,d,2026-03-02,5\nanon:eve,e,2026-03-02,6\ncem,f,2026-03-02,7\n";
    let one = One::new("a.csv", text.as_bytes());
    let (all, counts) = one.read(0).unwrap();
    assert_eq!((rows(&all), counts), (vec![1, 3, 7], Counts { taken: 3, refused: 4 }));
    let told = one.rejects();
    let of = |key: &str| told.iter().map(|reject| reject[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("row"), [2, 4, 5, 6]);
    assert_eq!(of("line"), [3, 5, 6, 7]);
    let text = |n: usize| told[n]["text"].as_str().unwrap();
    let reason = |n: usize| told[n]["reason"].as_str().unwrap();
    assert!(reason(0).contains("\"never\"") && text(0).contains("never"), "{told:?}");
    assert!(reason(1).contains("1 field where") && text(1) == "x", "{told:?}");
    assert!(reason(2).contains("user column"), "{told:?}");
    assert!(reason(3).contains("anon:") && text(3).contains("anon:eve"), "{told:?}");
    fs::remove_dir_all(one.at.path().join("rejects")).unwrap();
    for after in 1..=7 {
        let (rest, counts) = one.read(after).unwrap();
        let expected: Vec<u64> = [1, 3, 7].into_iter().filter(|row| *row > after).collect();
        assert_eq!((rows(&rest), rest[0].after), (expected, after));
        let refused = [2, 4, 5, 6].iter().filter(|row| **row > after).count() as u64;
        assert_eq!(counts.refused, refused, "after {after}");
        assert_eq!(one.rejects(), told, "after {after}");
        fs::remove_dir_all(one.at.path().join("rejects")).unwrap();
    }
}

#[test]
fn b1_rejects_that_were_being_written_are_begun_again() {
    let one = One::new("a.csv", b"user,node,time\nada,a,never\n");
    let digest = one.digest().unwrap();
    fs::create_dir(one.at.path().join("rejects")).unwrap();
    let left = one.at.path().join("rejects").join(format!(".{digest}.tmp"));
    fs::write(&left, "half a li").unwrap();
    one.read(0).unwrap();
    assert_eq!(one.rejects().len(), 1);
    assert!(!left.exists());
    // Somebody's file of that name is not written over.
    one.read(0).unwrap();
    rejects::publish(&one.folder(), &digest, &one.name).unwrap();
    assert_eq!(lines(&one.at.path().join("rejects/a.csv.ndjson.1")).len(), 1);
}

#[test]
fn b1_the_text_of_a_bad_row_is_kept_in_each_format() {
    let event = |user: &str, time: &str| {
        format!(
            "<event><string key=\"concept:name\" value=\"{user}\"/>\
             <date key=\"time:timestamp\" value=\"{time}\"/></event>"
        )
    };
    let xes = format!(
        "<log><trace><string key=\"concept:name\" value=\"c\"/>{}{}</trace></log>",
        event("good", "2026-03-02T10:00:00Z"),
        event("bad", "never")
    );
    let good = "{\"user\":\"a\",\"node\":\"n\",\"time\":\"2026-03-02\"}";
    for (name, content, bad) in [
        ("a.ndjson", format!("{good}\n{{\"user\": broken\n"), "{\"user\": broken"),
        ("b.ndjson", format!("{good}\n{{\"user\":\"a\",\"node\":\"n\"}}\n"), "\"node\":\"n\""),
        ("c.csv", "user,node,time\na,n,2026-03-02\n\"a,b\",n\n".to_owned(), "\"a,b\",n"),
        ("d.xes", xes, "never"),
    ] {
        let one = One::new(name, content.as_bytes());
        let (portions, counts) = one.read(0).unwrap();
        assert_eq!((rows(&portions), counts.refused), (vec![1], 1), "{name}");
        let told = one.rejects();
        assert!(told[0]["text"].as_str().unwrap().contains(bad), "{told:?}");
    }
}

#[test]
fn b1_a_row_may_be_no_larger_than_an_event_and_a_huge_one_is_passed_over() {
    let row =
        |text: &str| format!("{{\"user\":\"a\",\"node\":\"n\",\"time\":0,\"t\":\"{text}\"}}\n");
    let many = (0..1_500).map(|n| format!("\"f{n}\":1,")).collect::<String>();
    let content = [
        row("fine"),
        row(&"x".repeat(25 << 10)),
        row(&"x".repeat(3 << 20)),
        format!("{{{many}\"user\":\"a\",\"node\":\"n\",\"time\":0}}\n"),
        format!("{{\"user\":\"{}\",\"node\":\"n\",\"time\":0}}\n", "u".repeat(300)),
        row("fine"),
    ];
    let one = One::new("a.ndjson", content.concat().as_bytes());
    let (portions, counts) = one.read(0).unwrap();
    assert_eq!((rows(&portions), counts.refused), (vec![1, 6], 4));
    let told = one.rejects();
    let reasons: Vec<&str> = told.iter().map(|told| told["reason"].as_str().unwrap()).collect();
    for (reason, part) in reasons.iter().zip(["24 KiB", "1024 KiB", "1000 fields", "256 bytes"]) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(told[1]["text"], "", "what is too long to be kept is not");
}

#[test]
fn b1_portions_are_bounded_in_bytes() {
    let row = "{\"user\":\"a\",\"node\":\"n\",\"time\":0,\"t\":\"".to_owned()
        + &"x".repeat(20_000)
        + "\"}\n";
    let one = One::new("a.ndjson", row.repeat(300).as_bytes());
    let (portions, _) = one.read(0).unwrap();
    assert_eq!(rows(&portions).len(), 300);
    assert!(portions.iter().all(|portion| portion.items.len() <= 53), "a megabyte, about");
}

#[test]
fn b1_gzip_is_unpacked_and_is_another_content_than_what_is_in_it() {
    let plain = One::new("a.csv", csv(["m"]).as_bytes());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(csv(["m"]).as_bytes()).unwrap();
    let bytes = packed.finish().unwrap();
    let gzip = One::new("a.csv.gz", &bytes);
    assert_eq!(rows(&gzip.read(0).unwrap().0), rows(&plain.read(0).unwrap().0));
    assert_ne!(gzip.digest().unwrap(), plain.digest().unwrap());
    // One that breaks off is refused before a single row of it is taken.
    let half = One::new("a.csv.gz", &bytes[..bytes.len() - 6]);
    let Err(Unread::Refused(reason)) = half.digest() else { panic!("{:?}", half.digest()) };
    assert!(reason.contains("gzip is broken or cut short"), "{reason}");
}

#[test]
fn b1_the_digest_is_that_of_the_whole_file_and_its_name_is_not_in_it() {
    use sha2::{Digest as _, Sha256};
    let hex = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let log = "<log></log>\n\n";
    for (name, content) in [
        ("a.csv", csv(0..3)),
        ("b.csv", csv(0..3)),
        ("c.xes", log.to_owned()),
        ("d.csv", csv(0..20_000)),
    ] {
        assert_eq!(One::new(name, content.as_bytes()).digest().unwrap(), hex(content.as_bytes()));
    }
}

#[test]
fn b1_what_is_no_log_is_refused_with_the_reason() {
    for (content, part) in [
        (&b""[..], "is empty"),
        (b"\0\0\0\0\0\0", "binary"),
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"just words", "neither XES"),
        (b"when,what\n1,2\n", "no column"),
        (b"<log><trace>", "ends before"),
        (b"[{\"user\":1}]", "JSON array"),
        (b"\x1f\x8b\x08\0", "gzip"),
    ] {
        let one = One::new("a\n.csv", content);
        let Err(Unread::Refused(reason)) = one.digest() else {
            panic!("{content:?}: {:?}", one.digest())
        };
        assert!(reason.contains(part), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
    let header = One::new("a.csv", b"user,node,time\n");
    assert_eq!(rows(&header.read(0).unwrap().0).len(), 0, "a header alone is no mistake");
}

#[test]
fn b1_a_file_that_changes_while_it_is_read_is_given_up() {
    let one = One::new("a.csv", csv(0..5_000).as_bytes());
    let (source, digest) = (one.open(), one.digest().unwrap());
    let mut given = 0;
    let ended = source.read(&digest, 0, &one.folder(), received, |portion, _| {
        given += portion.items.len();
        let mut file = File::options().append(true).open(one.path()).unwrap();
        file.write_all(b"ada,more,2026-03-02,more\n").unwrap();
        Ok(())
    });
    assert!(matches!(ended, Err(Unread::Changed)), "{ended:?}");
    assert_eq!(given, 1_000, "nothing is given of what was read after it");
    assert!(matches!(source.check(&go_on().1), Err(Unread::Changed)));
    let seen = source.seen;
    assert!(one.folder().open(&one.name, seen).is_err());
    assert!(one.folder().done(&one.name, seen).is_err(), "and what is there now is not moved");
    assert!(one.path().exists());
}

#[test]
fn b1_columns_may_be_named() {
    let one = One::new("a.csv", b"who,where,when,sort\nada,x,04/03/2026,page\n");
    assert!(matches!(one.digest(), Err(Unread::Refused(_))));
    let text = "user_field = \"who\"\nnode_field = \"where\"\ntime_field = \"when\"\n\
        kind_field = \"sort\"\nday_first = true\n";
    let source = one.open_with(crate::feed::options::read(text).unwrap());
    let digest = source.check(&go_on().1).unwrap();
    let mut items = Vec::new();
    let give = |portion: Portion, _| {
        items.extend(portion.items);
        Ok(())
    };
    source.read(&digest, 0, &one.folder(), received, give).unwrap();
    assert_eq!(items[0].1.at, Instant(1_772_582_400_000), "the fourth of March");
    let said = format!("{:?}", items[0].1.deed);
    assert!(said.contains("Page") && said.contains("sort"), "{said}");
}

#[test]
fn b1_what_has_not_happened_yet_happens_now() {
    let one = One::new("a.csv", b"user,node,time\nada,x,2100-01-01\n");
    let (portions, _) = one.read(0).unwrap();
    assert_eq!(portions[0].items[0].1.at, NOW);
}
