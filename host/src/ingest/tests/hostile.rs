//! Bytes nobody would write on purpose, or only on purpose: nothing may panic or hang.

use super::*;
use crate::ingest::time::Clock;

/// The same chances every time.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        self.next() as usize % most.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    const BITS: &[&[u8]] = &[
        b"\"",
        b"\n",
        b"\r",
        b",",
        b"<",
        b">",
        b"/>",
        b"&",
        b"&#x110000;",
        b"&a;",
        b"\0",
        b"\xff",
        b"\xc3",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<?",
        b"{",
        b"}",
        b"[",
        b"\\u",
        b"\\ud800",
        b"1e999",
        b"-",
        b"9999999999999999999",
        b"</event>",
        b"<event>",
        b"</log>",
        b"key=\"\"",
        b"+99:99",
        b":60",
    ];
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let to = (at + chance.below(20)).min(bytes.len());
        match chance.below(5) {
            0 => drop(bytes.drain(at..to)),
            1 => drop(bytes.splice(at..at, BITS[chance.below(BITS.len())].iter().copied())),
            2 => {
                let copy = bytes[at..to].to_vec();
                let there = chance.below(bytes.len() + 1);
                drop(bytes.splice(there..there, copy));
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            _ if at < bytes.len() => bytes[at] = chance.next() as u8,
            _ => bytes.truncate(at),
        }
    }
}

const SEEDS: &[&str] = &[
    "user,node,time,kind,a\nu,n,2011-10-01T00:38:44.546+02:00,page,x\n\"u \"\"v\"\"\",\"n\nm\",\
     10/13/2011 1:05 PM,,\nw,n,1317429524.5,hidden,é\n",
    "{\"user\":\"u\",\"node\":\"n\",\"time\":\"Oct 1, 2011 10:00\",\"kind\":\"profile\",\"c\":{\"d\":[1,{}]}}\n\
     {\"user\":7,\"node\":\"\\u00e9\",\"time\":1317429524546,\"x\":1.5e3,\"y\":null,\"kind\":\"\"}\n",
    "<?xml version=\"1.0\"?><log><global scope=\"event\"><string key=\"a\" value=\"b\"/></global>\n\
     <trace><string key=\"concept:name\" value=\"u\"/><event><string key=\"concept:name\" value=\"é\"/>\n\
     <date key=\"time:timestamp\" value=\"2011-10-01T00:38:44.546+02:00\"/><int key=\"kind\" value=\"1\"/>\
     <float key=\"f\" value=\"1.5\"/><list key=\"l\"><values/></list></event></trace></log>\n",
];

#[test]
fn changed_logs_are_read_or_refused() {
    let mut chance = Chance(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let kinds = [None, Some("kind".to_owned())];
    let (mut events, mut bad, mut fatal, mut refused) = (0, 0, 0, 0);
    for round in 0..3000 {
        let mut bytes = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        mutate(&mut bytes, &mut chance);
        if round % 7 == 0 {
            bytes = gzip(&bytes);
            mutate(&mut bytes, &mut chance);
        }
        std::fs::write(&path, &bytes).unwrap();
        let options = Options {
            kind: kinds[round % 2].clone(),
            day_first: round % 3 == 0,
            ..Options::default()
        };
        match Log::open(&path, &options) {
            Err(error) => {
                refused += 1;
                tame(&error.to_string());
            }
            Ok(log) => {
                let lines = bytes.len() as u64 * 1100 + 2;
                for event in log {
                    match event {
                        Ok(event) => events += usize::from(!event.user.is_empty()),
                        Err(error) => {
                            tame(&error.to_string());
                            match error {
                                ReadError::Row(row) => {
                                    assert!(row.line >= 1 && row.line < lines);
                                    bad += 1;
                                }
                                ReadError::Fatal(_) => fatal += 1,
                            }
                        }
                    }
                }
            }
        }
    }
    // All ends were met, so the test is worth its time.
    let all = [events, bad, fatal, refused];
    assert!(all.iter().all(|n| *n > 25), "{all:?}");
}

/// What is shown is short and does not upset a terminal.
fn tame(shown: &str) {
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.len() < 1500, "{shown:?}");
}

#[test]
fn changed_times_are_read_or_refused() {
    const TIMES: &[&str] = &[
        "2011-10-01T00:38:44.546+02:00",
        "10/13/2011 1:05:59 PM",
        "Sat, 01 Oct 2011 00:38:44 GMT+0200 (x)",
        "-1317429524.5469",
        "01-Oct-2011 00:38",
        "2011.10.01, 0:38 a.m. UTC",
    ];
    let mut chance = Chance(2);
    let formats =
        ["%Y-%m-%dT%H:%M:%S%.f%:z", "%m/%d/%Y %I:%M:%S %p", "%s", "%", "%Y%:Q", "%99Y", "%.3f"];
    for round in 0..15_000 {
        let mut bytes = TIMES[round % TIMES.len()].as_bytes().to_vec();
        mutate(&mut bytes, &mut chance);
        let text = Value::Text(String::from_utf8_lossy(&bytes).into());
        let mut format = formats[round % formats.len()].as_bytes().to_vec();
        if round % 2 == 0 {
            mutate(&mut format, &mut chance);
        }
        let format = String::from_utf8_lossy(&format).into_owned();
        for mut clock in [Clock::new(None, round % 2 == 0), Clock::new(Some(format), false)] {
            clock.study([&text].into_iter());
            if let Err(reason) = clock.read(&text) {
                tame(&reason);
            }
        }
    }
}

#[test]
fn plain_noise_is_refused() {
    let mut chance = Chance(3);
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..chance.below(5000)).map(|_| chance.next() as u8).collect();
        if let Ok(log) = open(&bytes, &Options::default()) {
            assert_eq!(log.filter(Result::is_ok).count(), 0);
        }
    }
}

#[test]
fn a_bomb_takes_no_more_room_than_a_row() {
    // 50 MB without a line end, in well under one.
    let mut packed = gzip("user,node,time\nu,n,1\n");
    packed.extend(gzip(vec![b'x'; 50 << 20]));
    packed.extend(gzip("\nu,n,2\n"));
    assert_eq!(
        shorts(packed),
        ["u@1000 n [node=n]", "3: longer than 1024 KiB", "u@2000 n [node=n]"]
    );
}

#[test]
fn many_columns_and_many_attributes_take_no_square_of_time() {
    let names = (0..30_000).rev().map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let text = format!("user,node,time,{names}\n{}", format!("u,n,1,{names}\n").repeat(3));
    assert_eq!(read(text).iter().filter(|row| row.is_ok()).count(), 3);
    let tag = (0..150_000).map(|n| format!(" a{n}=\"\"")).collect::<String>();
    let text = format!(
        "<log><trace><string key=\"concept:name\" value=\"u\"/><event><string{tag}/></event></trace></log>"
    );
    assert_eq!(shorts(text), ["1: <string> without a key"]);
}

#[test]
fn many_names_hide_none() {
    let names: String = (0..50_000).map(|n| format!("\"{n}\":1,")).collect();
    let text = format!("{{{names}\"user\":\"u\",\"node\":\"n\",\"time\":1}}\n");
    assert!(read(text)[0].is_ok());
}
