//! Times, in all the ways they are written.

use super::*;
use crate::engine::event::Value;
use crate::ingest::time::Clock;

/// 2011-10-01T00:38:44Z.
const MOMENT: i64 = 1_317_429_524_000;
const DAY: i64 = 1_317_427_200_000;

fn clock() -> Clock {
    Clock::new(None, false)
}

fn at(text: &str) -> Result<i64, String> {
    let time = clock().read(&Value::Text(text.into()));
    time.map(|at| at.0)
}

#[test]
fn programs() {
    for (text, millis) in [
        ("2011-10-01T00:38:44Z", MOMENT),
        ("2011-10-01t00:38:44z", MOMENT),
        ("2011-10-01 00:38:44Z", MOMENT),
        ("2011-10-01T00:38:44.546Z", MOMENT + 546),
        ("2011-10-01T00:38:44,546Z", MOMENT + 546),
        ("2011-10-01T00:38:44.5Z", MOMENT + 500),
        ("2011-10-01T00:38:44.5469999Z", MOMENT + 546),
        ("2011-10-01T00:38:44.546+02:00", MOMENT + 546 - 7_200_000),
        ("2011-10-01T00:38:44.546+0200", MOMENT + 546 - 7_200_000),
        ("2011-10-01T00:38:44-05:30", MOMENT + 19_800_000),
        ("2011-10-01T00:38:44+02", MOMENT - 7_200_000),
        ("2011-10-01T00:38:44-00:00", MOMENT),
        ("2011-10-01T00:38:44", MOMENT),
        ("2011-10-01 00:38:44.546", MOMENT + 546),
        ("2011-10-01T00:38", MOMENT - 44_000),
        ("2011-10-01T00:38Z", MOMENT - 44_000),
        ("2011-10-01 0:38:44", MOMENT),
        ("2011-10-01 00:38:44 UTC", MOMENT),
        ("2011-10-01 00:38:44 +02:00", MOMENT - 7_200_000),
        ("2011-10-01 00:38:44 UTC+02:00", MOMENT - 7_200_000),
        ("2011-10-01T00:38:44+02:00[Europe/Amsterdam]", MOMENT - 7_200_000),
        ("2011-10-01", DAY),
        ("2011-10-01Z", DAY),
        ("2011-10-01+02:00", DAY - 7_200_000),
        ("  2011-10-01T00:38:44Z\t", MOMENT),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("2012-02-29T00:00:00Z", 1_330_473_600_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ("2016-12-31 23:59:60.5 UTC", 1_483_228_799_999),
    ] {
        assert_eq!(at(text), Ok(millis), "{text}");
    }
}

#[test]
fn people() {
    for text in [
        "2011/10/01 00:38:44",
        "2011.10.01 00:38:44",
        "01-10-2011 00:38:44",
        "01-10-2011 00:38:44.000",
        "01.10.2011 00:38:44",
        "1.10.2011, 0:38:44",
        "10/01/2011 00:38:44",
        "10/1/2011, 12:38:44 AM",
        "10/01/2011 12:38:44am",
        "10/01/2011 12:38:44 a.m.",
        "01-Oct-2011 00:38:44",
        "01 October 2011 00:38:44",
        "1. Oct. 2011 00:38:44",
        "01/Oct/2011:00:38:44 +0000",
        "2011-Oct-01 00:38:44",
        "Oct 1, 2011 00:38:44",
        "oct 01 2011 00:38:44 GMT",
        "Sat, 01 Oct 2011 00:38:44 GMT",
        "Saturday, October 1, 2011 12:38:44 AM",
        "Sat Oct 01 2011 02:38:44 GMT+0200 (Central European Summer Time)",
    ] {
        assert_eq!(at(text), Ok(MOMENT), "{text}");
    }
    for (text, millis) in [
        ("Oct 1, 2011 10:00", DAY + 36_000_000),
        ("01-10-2011 00:38", DAY + 38 * 60_000),
        ("10/01/2011 12:00 PM", DAY + 43_200_000),
        ("10/01/2011 1:05 pm", DAY + 47_100_000),
        ("10/01/2011", DAY),
        ("01.10.2011", DAY),
        ("01-10-2011", DAY),
        ("1 Oct 2011", DAY),
        ("Sept 1, 2011", DAY - 30 * 86_400_000),
    ] {
        assert_eq!(at(text), Ok(millis), "{text}");
    }
}

#[test]
fn unix() {
    for (text, millis) in [
        ("0", 0),
        ("-1", -1000),
        ("+1", 1000),
        ("1317429524", MOMENT),
        ("1317429524.546", MOMENT + 546),
        ("1317429524,5469", MOMENT + 546),
        ("1317429524546", MOMENT + 546),
        ("1317429524546.9", MOMENT + 546),
        ("1317429524546999", MOMENT + 546),
        ("1317429524546999999", MOMENT + 546),
        ("0001317429524", MOMENT),
        ("-0.0001", -1),
        ("-1.5", -1500),
        ("-100000000001", -100_000_000_001),
        ("-100000000000001", -100_000_000_001),
    ] {
        assert_eq!(at(text), Ok(millis), "{text}");
    }
    let json = |value| clock().read(&value).map(|at| at.0);
    assert_eq!(json(Value::Integer(1_317_429_524_546)), Ok(MOMENT + 546));
    assert_eq!(json(Value::Integer(i64::MIN)), Ok(-9_223_372_036_855));
    // Not 545, which is what is left of the number in binary.
    for part in 0..1000 {
        let number: f64 = format!("1317429524.{part:03}").parse().unwrap();
        assert_eq!(json(Value::Number(number)), Ok(MOMENT + part));
    }
    for wrong in [1e300, -1e300, 1e25] {
        assert!(json(Value::Number(wrong)).is_err());
    }
    assert!(json(Value::Flag(true)).is_err());
}

#[test]
fn every_day_is_its_own() {
    let mut expected = -62_135_596_800_000;
    for year in 1..=9999_i64 {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let february = if leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, days) in (1..).zip(lengths) {
            for day in [1, days] {
                let fast = at(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
                assert_eq!(fast, Ok(expected + (day - 1) * 86_400_000));
            }
            if year % 100 < 5 {
                let beyond = days + 1;
                assert!(at(&format!("{year:04}-{month:02}-{beyond:02}T00:00:00Z")).is_err());
            }
            expected += days * 86_400_000;
        }
    }
}

#[test]
fn impossible_times_say_what_was_expected() {
    for (text, reason) in [
        ("2011-02-29T00:00:00Z", "a day that the month has"),
        ("1900-02-29", "a day that the month has"),
        ("2011-04-31", "a day that the month has"),
        ("2011-00-01", "a month from 1 to 12"),
        ("2011-13-01T00:00:00Z", "a month from 1 to 12"),
        ("2011-10-00", "a day that the month has"),
        ("13/01/2011", "see --day-first"),
        ("01-13-2011", "a month from 1 to 12"),
        ("2011-10-01T24:00:00Z", "an hour from 0 to 23"),
        ("10/01/2011 13:00 PM", "with AM or PM"),
        ("10/01/2011 0:10 AM", "with AM or PM"),
        ("2011-10-01T00:60:00Z", "minutes from 0 to 59"),
        ("2011-10-01T00:00:61Z", "seconds from 0 to 60"),
        ("2011-10-01T00:00:00+24:00", "an offset such as"),
        ("2011-10-01T00:00:00+02:60", "an offset such as"),
        ("2011-10-01T00:00:00 CEST", "an offset such as"),
        ("2011-10-01T00:00:00 x", "an offset such as"),
        ("2011-10-01T00", "a time of day such as"),
        ("2011-10-01T00:00:00.Z", "a time of day such as"),
        ("2011-10-01 nonsense", "a date and time such as"),
        ("0000-01-01T00:00:00Z", "a year of four digits"),
        ("01/02/11", "a year of four digits"),
        ("0001-01-01T00:00:00+00:01", "between the years 1 and 9999"),
        ("9999-12-31T23:59:59-00:01", "between the years 1 and 9999"),
        ("99999999999999999999999999", "between the years 1 and 9999"),
        ("999999999999999999999", "between the years 1 and 9999"),
        ("10:15:00", "a date and time such as"),
        ("yesterday", "a date and time such as"),
        ("2011-10/01", "a date and time such as"),
        ("10,01,2011", "a date and time such as"),
        ("+", "a date and time such as"),
        ("1e9", "a date and time such as"),
        ("１３１７", "a date and time such as"),
    ] {
        let error = at(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(error.starts_with(&format!("time \"{text}\" where ")), "{error}");
    }
    let error = at(&format!("\u{1b}[2J{}", "9".repeat(100))).unwrap_err();
    let shown = format!("time \"\\u{{1b}}[2J{}…\" where", "9".repeat(36));
    assert!(error.starts_with(&shown), "{error}");
}

#[test]
fn a_format_of_its_own() {
    let read = |format: &str, text: &str| {
        let mut clock = Clock::new(Some(format.into()), false);
        let at = clock.read(&Value::Text(text.into())).map(|at| at.0);
        (at, clock.notes().len())
    };
    assert_eq!(read("%Y%m%d %H%M%S", "20111001 003844"), (Ok(MOMENT), 1));
    assert_eq!(read("%Y%m%d", "20111001"), (Ok(DAY), 1));
    assert_eq!(read("%d.%m.%y %H:%M %z", "01.10.11 02:38 +0200"), (Ok(MOMENT - 44_000), 0));
    assert_eq!(read("%s", "1317429524"), (Ok(MOMENT), 0));
    assert_eq!(read("%Y-%m-%d %H:%M:%S%.f", "1969-12-31 23:59:59.9999"), (Ok(-1), 1));
    for (format, text) in [
        ("%Y%m%d", "2011-10-01"),
        ("%Y%m%d", "20110230"),
        ("%H:%M", "10:15"),
        ("%!", "x"),
        ("%", ""),
        ("%Y %Q", "2011 Mars/Olympus"),
    ] {
        let error = read(format, text).0.unwrap_err();
        assert!(
            error.starts_with(&format!("time \"{text}\" does not fit the format \"{format}\": ")),
            "{error}"
        );
    }
    let given = Options { time_format: Some("%Y%m%d".into()), ..Options::default() };
    assert_eq!(
        shorts_with("{\"user\":1,\"node\":2,\"time\":20111001}\n", &given),
        [format!("1@{DAY} 2 [node=2]")]
    );
}

/// What a log of these times is read as, and what is said about it.
fn log(times: &[&str], day_first: bool) -> (Vec<Option<i64>>, String) {
    let rows: String = times.iter().map(|time| format!("u,n,{time}\n")).collect();
    let options = Options { day_first, ..Options::default() };
    let mut log = open(format!("user,node,time\n{rows}"), &options).unwrap();
    let said = log.assumptions();
    let read = log.by_ref().map(|event| event.ok().map(|event| event.at.0)).collect();
    assert_eq!(log.assumptions(), said);
    (read, said.join("; "))
}

#[test]
fn day_or_month_first_is_decided_once_for_a_file() {
    let (march, april) = (Some(1_299_196_800_000), Some(1_301_788_800_000));
    let (read, said) = log(&["03/04/2011"], false);
    assert_eq!(read, [march]);
    assert!(said.contains("are read month first (--day-first"), "{said}");
    let (read, said) = log(&["03/04/2011"], true);
    assert_eq!(read, [april]);
    assert!(said.contains("are read day first, as asked"), "{said}");

    let (read, said) = log(&["03/04/2011", "28/04/2011", "1/1/2011"], false);
    assert_eq!(read[0], april);
    assert!(read.iter().all(Option::is_some));
    assert!(said.contains("the first rows have days above 12"), "{said}");

    let (read, said) = log(&["03/04/2011", "04/28/2011"], false);
    assert_eq!(read[0], march);
    assert!(read[1].is_some() && said.contains("month first"));
    // Nothing fits all: the odd ones are bad rows, and none is turned around.
    let (read, _) = log(&["04/28/2011", "04/29/2011", "28/04/2011", "03/04/2011"], false);
    assert_eq!((read[2], read[3]), (None, march));

    for text in ["03.04.2011", "03-04-2011"] {
        let (read, said) = log(&[text], false);
        assert_eq!(read, [april]);
        assert!(said.contains("03-04-2011 and 03.04.2011 are read day first"), "{said}");
    }
}

#[test]
fn only_the_first_rows_are_asked_which_is_first() {
    let late: Vec<_> = [vec!["03/04/2011"; 1000], vec!["28/04/2011"]].concat();
    let (read, said) = log(&late, false);
    assert_eq!(read[1000], None);
    assert!(said.contains("month first"));
}

#[test]
fn assumptions_are_told_and_only_those_that_were_made() {
    let said = |time| log(&[time], false).1;
    assert_eq!(said("2011-10-01T00:38:44Z"), "");
    assert_eq!(said("2011-10-01T00:38:44"), "times without an offset are taken as UTC");
    assert!(said("1317429524").contains("Unix time"));
    let rows = "u,n,2011-10-01T00:38:44Z\n".repeat(1000) + "u,n,2011-10-01\n";
    let mut log = open(format!("user,node,time\n{rows}"), &Options::default()).unwrap();
    assert_eq!(log.assumptions().len(), 0);
    assert_eq!(log.by_ref().count(), 1001);
    assert_eq!(log.assumptions().len(), 1);
}
