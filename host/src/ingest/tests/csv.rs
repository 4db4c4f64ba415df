//! CSV, well written and otherwise.

use super::*;
use crate::engine::event::Value;
use crate::ingest::csv::Splitter;
use crate::ingest::row::CAP;

#[test]
fn quotes_line_ends_and_empty_cells() {
    let text = "\"user\",\"node\",time,note\r\n\
        u,\"a \"\"b\"\", c\",1,\"two\nlines\"\r\n\
        \r\n   \n\
        v,n,2,\"\"\n\
        w, n ,3,  \r\
        x,n,4,say \"hi\"\n\
        y,\"n\"m,5,é";
    let all = [
        "u@1000 a \"b\", c [node=a \"b\", c note=two\nlines]",
        "v@2000 n [node=n]",
        "w@3000 n [node=n]",
        "x@4000 n [node=n note=say \"hi\"]",
        "y@5000 nm [node=nm note=é]",
    ];
    assert_eq!(shorts(text), all);
}

#[test]
fn values_are_text() {
    let all = read("user,node,time,a,b\n1,2,3,4,true\n");
    let Ok(Event { what: What::Operation { fields, .. }, .. }) = &all[0] else {
        panic!("{all:?}");
    };
    assert_eq!(fields.get("a"), Some(&Value::Text("4".into())));
    assert_eq!(fields.get("b"), Some(&Value::Text("true".into())));
}

#[test]
fn bad_rows_are_named_by_their_line_and_reading_goes_on() {
    let mut text = b"user,node,time\n\
        u,\"x\ny\",1\n\
        u,n\n\
        u,n,1,2\n\
        ,n,1\n\
        u,,1\n\
        u,n,\n\
        u,n,soon\n\
        u\n"
    .to_vec();
    text.extend_from_slice(b"u,\xff,1\nu\xc3,\xa9,1\n\r\nu,n,2\n");
    let all = [
        "u@1000 x\ny [node=x\ny]",
        "4: 2 fields where the header has 3",
        "5: 4 fields where the header has 3",
        "6: no value in the user column \"user\"",
        "7: no value in the node column \"node\"",
        "8: no value in the time column \"time\"",
        "9: time \"soon\" where a date and time such as 2011-10-01T00:38:44+02:00, or Unix time \
         is expected",
        "10: 1 field where the header has 3",
        "11: not UTF-8",
        "12: not UTF-8",
        "u@2000 n [node=n]",
    ];
    assert_eq!(shorts(text), all);
}

#[test]
fn odd_headers_are_remarked_on() {
    let text = ",user,node,time,a,a,\n0,u,n,1,x,y,z\n";
    assert_eq!(shorts(text), ["u@1000 n [a=x node=n]"]);
    let notes = open(text, &Options::default()).unwrap().assumptions();
    assert_eq!(
        notes[..3],
        [
            "column 1 has no name and is left out",
            "there is more than one column \"a\"; the first is taken",
            "column 7 has no name and is left out",
        ]
    );
    assert_eq!(shorts("user,node,time\n"), [""; 0]);
}

#[test]
fn rows_beyond_the_cap_are_skipped() {
    let long = "x".repeat(CAP);
    let text = format!("user,node,time\nu,{long},1\nu,n,2\nu,\"{long}\",3\nu,n,4\n{long}x");
    let all = [
        "2: longer than 1024 KiB",
        "u@2000 n [node=n]",
        "4: a quote is opened and not closed; lines 4 to 4 are lost",
        "u@4000 n [node=n]",
        "6: longer than 1024 KiB",
    ];
    assert_eq!(shorts(text), all);
    // Up to the cap they are not.
    let text = format!("user,node,time\nu,{},1\n", &long[..CAP - 5]);
    assert!(read(text)[0].is_ok());
}

#[test]
fn a_quote_that_is_never_closed_costs_no_more_than_the_cap() {
    let rows = "u,n,1\n".repeat(CAP / 6 + 10);
    let all = shorts(format!("user,node,time\nu,n,\"1\n{rows}"));
    let lost = CAP / 6;
    assert!(all[0].starts_with("2: a quote is opened and not closed; lines 2 to"), "{}", all[0]);
    assert!(all.len() >= 8 && all.len() <= 12, "{} of {lost}", all.len());
    assert!(all[1..].iter().all(|row| row == "u@1000 n [node=n]"));

    for end in ["", "\n"] {
        let all = shorts(format!("user,node,time\nu,n,1\nu,n,\"1\nu,n,1\nu,n,1{end}"));
        let lost = "3: a quote is opened and not closed; lines 3 to 5 are lost";
        assert_eq!(all, ["u@1000 n [node=n]", lost]);
    }
}

/// The rows as the csv crate cuts them.
fn theirs(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = ::csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).flexible(true).from_reader(text);
    let rows = reader.byte_records();
    rows.map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
}

#[test]
fn rows_are_cut_as_the_csv_crate_cuts_them() {
    let mut chance = super::hostile::Chance(7);
    let mut compared = 0;
    for _ in 0..20_000 {
        let length = chance.below(24);
        let text: Vec<u8> = (0..length).map(|_| b"ab,,\"\"\n\r"[chance.below(8)]).collect();
        // Small reads, so that every border is met.
        let bytes = std::io::BufReader::with_capacity(1 + chance.below(4), &text[..]);
        let mut splitter = Splitter::new(bytes, ',', CAP);
        let mut ours = Vec::new();
        let mut open = false;
        while let Some(row) = splitter.next().unwrap() {
            open |= row.is_err();
            ours.push(splitter.raw());
        }
        if !open {
            // It leaves out blank rows too, but not those of blank quotes.
            let blank = |row: &[Vec<u8>]| row.len() == 1 && row[0].trim_ascii().is_empty();
            let mut theirs = theirs(&text);
            theirs.retain(|row| !blank(row));
            assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(&text));
            compared += 1;
        }
    }
    assert!(compared > 10_000, "{compared}");
}
