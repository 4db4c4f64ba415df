//! What files are, and are not.

use super::*;

const CSV: &str = "user,node,time\nu,n,1970-01-01T00:00:01Z\n";
const NDJSON: &str = "{\"user\":\"u\",\"node\":\"n\",\"time\":1}\n";
const XES: &str = "<?xml version=\"1.0\"?><log><trace><string key=\"concept:name\" value=\"u\"/>\
    <event><string key=\"concept:name\" value=\"n\"/>\
    <date key=\"time:timestamp\" value=\"1970-01-01T00:00:01Z\"/></event></trace></log>";
const EVENT: [&str; 1] = ["u@1000 n [node=n]"];

#[test]
fn the_content_says_what_a_file_is() {
    let bom = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for (text, format) in [
        (CSV, "CSV (comma)"),
        (&CSV.replace(',', ";"), "CSV (semicolon)"),
        (&CSV.replace(',', "\t"), "CSV (tab)"),
        (&CSV.replace(',', "|"), "CSV (pipe)"),
        (NDJSON, "NDJSON"),
        (XES, "XES"),
    ] {
        for text in [text.to_owned(), format!("\n\r\n{text}")] {
            // Nothing may stand before <?xml.
            let text = if format == "XES" { XES.to_owned() } else { text };
            for plain in [text.clone().into_bytes(), bom(&text)] {
                let log = open(&plain, &Options::default()).unwrap();
                assert_eq!(log.format().to_string(), format);
                assert_eq!(shorts(&plain), EVENT, "{text}");
                let packed = gzip(&plain);
                let log = open(&packed, &Options::default()).unwrap();
                assert_eq!(log.format().to_string(), format!("{format}, gzip"));
                assert_eq!(shorts(&packed), EVENT, "{text}");
            }
        }
    }
}

#[test]
fn gzip_may_have_several_members() {
    let (one, two) = CSV.split_at(20);
    assert_eq!(shorts([gzip(one), gzip(""), gzip(two)].concat()), EVENT);
}

#[test]
fn a_csv_cell_may_be_full_of_other_delimiters() {
    let text = "user;node;time;note\nu;a,b;1;x,y|z\nv;a,b;2;x,y|z\n";
    let log = open(text, &Options::default()).unwrap();
    assert_eq!(log.format().syntax, Syntax::Csv { delimiter: ';' });
    let text = "user,node,time\n\"u;v;w;x\",\"n|m|o|p\",1\n";
    assert_eq!(shorts(text), ["u;v;w;x@1000 n|m|o|p [node=n|m|o|p]"]);
}

#[test]
fn a_broken_first_line_does_not_hide_the_json() {
    let text = format!("garbage, and more\n{NDJSON}{NDJSON}");
    let all = shorts(text);
    assert_eq!(all[1..], [EVENT[0], EVENT[0]]);
    assert!(all[0].starts_with("1: invalid JSON"), "{}", all[0]);
}

#[test]
fn what_is_no_log_is_refused_with_a_reason() {
    let refuse = |bytes: &[u8], reason: &str| {
        let file = file(bytes);
        let error = Log::open(&file.path, &Options::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(reason), "{error} / {reason}");
        assert!(error.contains(&file.path.display().to_string()), "{error}");
    };
    refuse(b"", "is empty");
    refuse(b" \n\r\n ", "is empty");
    refuse(b"\xef\xbb\xbf", "is empty");
    refuse(&gzip(""), "is empty");
    refuse(b"PK\x03\x04abc", "zip archive");
    refuse(b"\xff\xfeu\0s\0", "UTF-16");
    refuse(b"\x28\xb5\x2f\xfdabc", "zstd");
    refuse(&gzip(gzip(CSV)), "twice");
    refuse(&[0, 1, 2, 3, 4, 200, 0, 0, 0], "binary");
    refuse(b"just a line of prose", "neither XES, JSON lines nor CSV");
    refuse(b"\x1b]0;evil\x07 and so on, at some length, to pass for text", r#""\u{1b}]0;evil"#);
    refuse(b"[{\"user\":1}]", "JSON array");
    refuse(b"[\n", "JSON array");
    refuse(b"{\n  \"user\": 1\n}\n", "none of its first lines is a JSON object");
    refuse(b"<html><body/></html>", "outermost element is \"html\"");
    refuse(b"<!-- only a comment -->", "no XML element");
    refuse(b"<log><trace>", "line 1: the file ends before its XML does");
    refuse(b"a\xff,b\n1,2\n", "header is not UTF-8");
    refuse(format!("a,b{}\n", ",x".repeat(600_000)).as_bytes(), "header: longer than 1024 KiB");
    refuse(&gzip(CSV)[..12], "gzip is broken or cut short");
}

#[test]
fn what_cannot_be_read_is_said_in_the_words_of_the_system() {
    let error = Log::open("/no/such/file".as_ref(), &Options::default()).unwrap_err();
    assert!(
        matches!(&error, LogError::Unreadable { reason, .. } if reason.contains("No such file"))
    );
    let folder = tempfile::tempdir().unwrap();
    let error = Log::open(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(&error, LogError::Unreadable { reason, .. } if reason.contains("directory")));
}

#[test]
fn what_precedes_broken_gzip_is_still_read() {
    // Long enough not to be read as a whole for a look at its head.
    let text = CSV.to_owned() + &"v,m,1970-01-01T00:00:02Z\n".repeat(20_000);
    for text in [CSV, &text] {
        let mut packed = gzip(text);
        packed.truncate(packed.len() - 6);
        let all = shorts(&packed);
        let (last, before) = all.split_last().unwrap();
        assert_eq!(before[0], EVENT[0]);
        assert_eq!(before.len(), text.lines().count() - 1);
        assert!(last.starts_with("fatal: FILE is damaged: its gzip is broken"), "{last}");
    }
    let mut packed = gzip(CSV);
    packed.extend_from_slice(b"more");
    let all = shorts(&packed);
    assert_eq!(all[..1], EVENT);
    assert!(all[1].starts_with("fatal: FILE is damaged: its gzip"), "{all:?}");
    assert_eq!(all.len(), 2);
}

#[test]
fn a_checksum_that_is_wrong_is_noticed() {
    let mut packed = gzip(CSV);
    let place = packed.len() - 8;
    packed[place] ^= 1;
    assert!(shorts(&packed)[1].starts_with("fatal: FILE is damaged"));
}

#[test]
fn progress_counts_the_bytes_on_disk() {
    let text = CSV.to_owned() + &"v,m,1970-01-01T00:00:02Z\n".repeat(50_000);
    let packed = file(gzip(&text));
    let mut log = Log::open(&packed.path, &Options::default()).unwrap();
    let total = std::fs::metadata(&packed.path).unwrap().len();
    assert_eq!(log.bytes_total(), Some(total));
    let early = log.bytes_read();
    assert!(early > 0 && early <= total);
    assert_eq!(log.by_ref().filter(Result::is_ok).count(), 50_001);
    assert_eq!(log.bytes_read(), total);
    assert!(log.next().is_none());
}

#[test]
fn a_log_can_be_sent_to_another_thread() {
    fn send<T: Send>(_: &T) {}
    let log = open(CSV, &Options::default()).unwrap();
    send(&log);
    assert!(format!("{log:?}").contains("Csv"));
}
