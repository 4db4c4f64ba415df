use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan};

use super::{Quiet, Unclear, Zone};
use crate::engine::event::Instant;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn quiet(text: &str) -> Quiet {
    let (from, to) = text.split_once('-').unwrap();
    Quiet::parse(from, to).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

/// A moment written with its offset, such as `2026-03-29T01:30+01`.
fn at(text: &str) -> Instant {
    Instant(text.parse::<Timestamp>().unwrap().as_millisecond())
}

#[test]
fn parses_texts() {
    assert_eq!(quiet("22:00-08:00").to_string(), "22:00-08:00");
    assert_eq!(quiet("00:00-23:59").to_string(), "00:00-23:59");
    for bad in [
        "",
        "8:00",
        "08:0",
        "24:00",
        "08:60",
        "0800",
        "08-00",
        " 08:00",
        "08:00 ",
        "08:00:00",
        "+8:00",
        "-1:00",
        "ab:cd",
        "08:0x",
        "\u{664}\u{664}:00",
        "99:99",
        "08:00\0",
        "//:00",
        "0::00",
    ] {
        assert_eq!(Quiet::parse(bad, "08:00"), Err(Unclear::From), "{bad:?}");
        assert_eq!(Quiet::parse("08:00", bad), Err(Unclear::To), "{bad:?}");
    }
    assert_eq!(Quiet::parse("08:00", "08:00"), Err(Unclear::Same));
    assert!(Unclear::From.to_string().contains("22:00"));
}

#[test]
fn is_read_and_written() {
    let text = r#"{"from":"22:00","to":"08:00"}"#;
    let read: Quiet = serde_json::from_str(text).unwrap();
    assert_eq!(read, quiet("22:00-08:00"));
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    for bad in [
        r#"{"from":"22:00","to":"22:00"}"#,
        r#"{"from":"22:00"}"#,
        r#"{"from":"22:00","to":8}"#,
        r#"{"from":"22:00","to":"08:00","days":[]}"#,
        "null",
    ] {
        assert!(serde_json::from_str::<Quiet>(bad).is_err(), "{bad}");
    }
    let error = serde_json::from_str::<Quiet>(r#"{"from":"10pm","to":"08:00"}"#).unwrap_err();
    assert!(error.to_string().contains("`from` must be a time of day"), "{error}");
}

#[test]
fn parses_zones() {
    let good = ["Europe/Berlin", "UTC", "Etc/GMT+12", "europe/berlin", "Asia/Calcutta", "+08:00"];
    for name in good.into_iter().chain(["-03:30", "+00:00", "-18:00"]) {
        assert!(Zone::parse(name).is_some(), "{name}");
    }
    let long = "Europe/Berlin".repeat(1000);
    for name in [
        "",
        "Europe",
        "Europe/Berlin ",
        "Europe/Berlin\0",
        "../../etc/localtime",
        "/etc/localtime",
        ":Europe/Berlin",
        "Europe//Berlin",
        "Factory",
        "factory",
        "Etc/Unknown",
        "etc/unknown",
        "localtime",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+03>-3",
        "+08",
        "+8:00",
        "+0800",
        "+08:60",
        "+18:01",
        "+99:99",
        "+",
        "-",
        "+-8:00",
        "Mars/Olympus",
        "Europe/Bérlin",
        &long,
    ] {
        assert_eq!(Zone::parse(name), None, "{name:?}");
    }
    assert_eq!(zone("europe/BERLIN"), zone("Europe/Berlin"));
}

#[test]
fn ordinary_nights() {
    let berlin = zone("Europe/Berlin");
    let night = quiet("22:00-08:00");
    let cases = [
        ("2026-01-10T21:59:59.999+01", None),
        ("2026-01-10T22:00+01", Some("2026-01-11T08:00+01")),
        ("2026-01-11T00:00+01", Some("2026-01-11T08:00+01")),
        ("2026-01-11T07:59:59.999+01", Some("2026-01-11T08:00+01")),
        ("2026-01-11T08:00+01", None),
        ("2026-01-11T12:00+01", None),
    ];
    for (now, end) in cases {
        assert_eq!(night.until(&berlin, at(now)), end.map(at), "{now}");
    }
    let noon = quiet("12:00-14:00");
    assert_eq!(noon.until(&zone("+08:00"), at("2026-01-10T05:00Z")), Some(at("2026-01-10T06:00Z")));
    assert_eq!(noon.until(&zone("+08:00"), at("2026-01-10T06:00Z")), None);
    assert_eq!(noon.until(&zone("-03:30"), at("2026-01-10T15:30Z")), Some(at("2026-01-10T17:30Z")));
}

/// What the module's head states, for the days on which clocks are set: the hours, the zone, when the night
/// begins and when it is over. A night that is nothing: begins when it is over.
#[test]
fn stated_nights() {
    let cases = [
        // Berlin, 2026-03-29: 02:00+01 is 03:00+02.
        ("23:30-01:30", "Europe/Berlin", "2026-03-28T23:30+01", "2026-03-29T01:30+01"),
        ("01:30-02:30", "Europe/Berlin", "2026-03-29T01:30+01", "2026-03-29T03:00+02"),
        ("02:30-03:30", "Europe/Berlin", "2026-03-29T03:00+02", "2026-03-29T03:30+02"),
        ("02:00-03:00", "Europe/Berlin", "2026-03-29T03:00+02", "2026-03-29T03:00+02"),
        ("02:15-02:45", "Europe/Berlin", "2026-03-29T03:00+02", "2026-03-29T03:00+02"),
        ("22:00-08:00", "Europe/Berlin", "2026-03-28T22:00+01", "2026-03-29T08:00+02"),
        // Berlin, 2026-10-25: 03:00+02 is 02:00+01.
        ("23:30-01:30", "Europe/Berlin", "2026-10-24T23:30+02", "2026-10-25T01:30+02"),
        ("01:30-02:30", "Europe/Berlin", "2026-10-25T01:30+02", "2026-10-25T02:30+01"),
        ("02:30-03:30", "Europe/Berlin", "2026-10-25T02:30+02", "2026-10-25T03:30+01"),
        ("02:30-02:45", "Europe/Berlin", "2026-10-25T02:30+02", "2026-10-25T02:45+01"),
        ("01:00-02:00", "Europe/Berlin", "2026-10-25T01:00+02", "2026-10-25T02:00+01"),
        ("03:00-04:00", "Europe/Berlin", "2026-10-25T03:00+01", "2026-10-25T04:00+01"),
        ("22:00-08:00", "Europe/Berlin", "2026-10-24T22:00+02", "2026-10-25T08:00+01"),
        // New York, 2026-03-08: 02:00-05 is 03:00-04.
        ("23:30-01:30", "America/New_York", "2026-03-07T23:30-05", "2026-03-08T01:30-05"),
        ("01:30-02:30", "America/New_York", "2026-03-08T01:30-05", "2026-03-08T03:00-04"),
        ("02:30-03:30", "America/New_York", "2026-03-08T03:00-04", "2026-03-08T03:30-04"),
        // New York, 2026-11-01: 02:00-04 is 01:00-05.
        ("23:30-01:30", "America/New_York", "2026-10-31T23:30-04", "2026-11-01T01:30-05"),
        ("01:30-02:30", "America/New_York", "2026-11-01T01:30-04", "2026-11-01T02:30-05"),
        ("02:30-03:30", "America/New_York", "2026-11-01T02:30-05", "2026-11-01T03:30-05"),
        // Lord Howe, half an hour: 2026-10-04 02:00+10:30 is 02:30+11, 2026-04-05 02:00+11 is 01:30+10:30.
        ("01:00-02:15", "Australia/Lord_Howe", "2026-10-04T01:00+10:30", "2026-10-04T02:30+11"),
        ("02:15-05:00", "Australia/Lord_Howe", "2026-10-04T02:30+11", "2026-10-04T05:00+11"),
        ("01:00-01:45", "Australia/Lord_Howe", "2026-04-05T01:00+11", "2026-04-05T01:45+10:30"),
        // Havana, 2026-03-08: 00:00-05 is 01:00-04; 2026-11-01: 01:00-04 is 00:00-05.
        ("00:00-06:00", "America/Havana", "2026-03-08T01:00-04", "2026-03-08T06:00-04"),
        ("22:00-00:30", "America/Havana", "2026-03-07T22:00-05", "2026-03-08T01:00-04"),
        ("22:00-00:30", "America/Havana", "2026-10-31T22:00-04", "2026-11-01T00:30-05"),
        ("00:30-06:00", "America/Havana", "2026-11-01T00:30-04", "2026-11-01T06:00-05"),
        // Beirut, 2026-03-29: 00:00+02 is 01:00+03; 2026-10-25: 00:00+03 is 23:00+02 of the day before.
        ("00:00-07:00", "Asia/Beirut", "2026-03-29T01:00+03", "2026-03-29T07:00+03"),
        ("22:00-00:00", "Asia/Beirut", "2026-03-28T22:00+02", "2026-03-29T01:00+03"),
        ("22:00-23:15", "Asia/Beirut", "2026-10-24T22:00+03", "2026-10-24T23:15+02"),
        ("23:30-07:00", "Asia/Beirut", "2026-10-24T23:30+03", "2026-10-25T07:00+02"),
        // Cairo, 2026-04-24: 00:00+02 is 01:00+03; 2026-10-30: 00:00+03 is 23:00+02 of the day before.
        ("23:30-00:30", "Africa/Cairo", "2026-04-23T23:30+02", "2026-04-24T01:00+03"),
        ("23:30-00:30", "Africa/Cairo", "2026-10-29T23:30+03", "2026-10-30T00:30+02"),
        // St John's, 2006-10-29: 00:01-02:30 is 23:01-03:30 of the day before.
        ("00:00-06:00", "America/St_Johns", "2006-10-29T00:00-02:30", "2006-10-29T06:00-03:30"),
        // Apia: the whole 2011-12-30 was left out, from midnight-10 to midnight+14. Two nights meet there.
        ("22:00-08:00", "Pacific/Apia", "2011-12-29T22:00-10", "2011-12-31T08:00+14"),
        ("12:00-14:00", "Pacific/Apia", "2011-12-31T00:00+14", "2011-12-31T00:00+14"),
        ("20:00-22:00", "Pacific/Apia", "2011-12-29T20:00-10", "2011-12-29T22:00-10"),
        // Two nights meet where the clock is set back within the only minutes between them.
        ("02:30-02:00", "Europe/Berlin", "2026-10-24T02:30+02", "2026-10-26T02:00+01"),
    ];
    for (hours, name, start, end) in cases {
        let (quiet, zone, start, end) = (quiet(hours), zone(name), at(start), at(end));
        let case = format!("{hours} {name} {start} {end}");
        assert_eq!(quiet.until(&zone, Instant(start.0 - 1)), None, "before {case}");
        let mut now = start.0;
        while now < end.0 {
            assert_eq!(quiet.until(&zone, Instant(now)), Some(end), "{} in {case}", Instant(now));
            now += MINUTE;
        }
        if start < end {
            assert_eq!(quiet.until(&zone, Instant(end.0 - 1)), Some(end), "end of {case}");
        }
        assert_eq!(quiet.until(&zone, end), None, "after {case}");
    }
}

/// All nights near `now` by looking at the clock minute by minute: knows nothing but what the clock shows.
struct Watched {
    first: i64,
    shown: Vec<DateTime>,
    quiet: Vec<bool>,
}

impl Watched {
    fn new(quiet: &Quiet, zone: &Zone, now: i64) -> Watched {
        let first = now - 60 * HOUR;
        let shown: Vec<DateTime> = (0..132 * 60)
            .map(|i| {
                let instant = Timestamp::from_millisecond(first + i * MINUTE).unwrap();
                zone.0.to_datetime(instant)
            })
            .collect();
        let mut watched = Watched { first, quiet: vec![false; shown.len()], shown };
        let mut date = watched.shown[0].date().yesterday().unwrap();
        while date <= watched.shown.last().unwrap().date() {
            let from = date.to_datetime(quiet.from);
            let mut to = date.to_datetime(quiet.to);
            if quiet.to < quiet.from {
                to = to.checked_add(1.day()).unwrap();
            }
            let start = watched.seen(from, true);
            for slot in start..watched.seen(to, false) {
                watched.quiet[slot] = true;
            }
            date = date.tomorrow().unwrap();
        }
        watched
    }

    /// The first or last minute at which the clock shows this, or else the one at which it jumps over it.
    fn seen(&self, what: DateTime, first: bool) -> usize {
        let mut seen = (0..self.shown.len()).filter(|i| self.shown[*i] == what);
        let found = if first { seen.next() } else { seen.next_back() };
        found.unwrap_or_else(|| {
            let after = self.shown.iter().position(|shown| *shown > what);
            after.unwrap_or(self.shown.len())
        })
    }

    fn until(&self, now: i64) -> Option<i64> {
        let slot = usize::try_from((now - self.first) / MINUTE).unwrap();
        if !self.quiet[slot] {
            return None;
        }
        let past = self.quiet[slot..].iter().position(|quiet| !quiet).unwrap();
        Some(self.first + i64::try_from(slot + past).unwrap() * MINUTE)
    }
}

#[test]
fn is_what_the_clock_shows() {
    let mut random = fastrand::Rng::with_seed(7);
    let names: Vec<String> =
        jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    let begin = at("1973-01-01T00:00Z").0 / MINUTE;
    let end = at("2100-01-01T00:00Z").0 / MINUTE;
    let (mut quiets, mut set) = (0, 0);
    for round in 0..1_000 {
        let name = &names[random.usize(0..names.len())];
        let Some(zone) = Zone::parse(name) else { continue };
        let mut now = random.i64(begin..end) * MINUTE;
        // Every other time near a moment at which the clock is set.
        if round % 2 == 0
            && let Some(jump) = zone.0.following(Timestamp::from_millisecond(now).unwrap()).next()
        {
            now = jump.timestamp().as_millisecond() + random.i64(-36 * 60..36 * 60) * MINUTE;
            set += 1;
        }
        // Liberia's clock was once off by seconds.
        if now % MINUTE != 0 {
            continue;
        }
        let (from, to) = (random.i64(0..288) * 5, random.i64(0..288) * 5);
        if from == to {
            continue;
        }
        let text = |m: i64| format!("{:02}:{:02}", m / 60, m % 60);
        let quiet = Quiet::parse(&text(from), &text(to)).unwrap();
        let watched = Watched::new(&quiet, &zone, now);
        let mut before = None;
        for step in 0..120 {
            let now = now + step * 5 * MINUTE;
            let until = quiet.until(&zone, Instant(now)).map(|end| end.0);
            let case = format!("{quiet} {name} {}", Instant(now));
            assert_eq!(until, watched.until(now), "{case}");
            if let Some(end) = until {
                quiets += 1;
                assert!(end > now, "{case}");
                assert_eq!(quiet.until(&zone, Instant(end)), None, "{case}");
                assert!(before <= Some(end), "{case}: goes back");
                before = Some(end);
            }
        }
    }
    assert!(quiets > 10_000 && set > 100, "{quiets} {set}");
}

#[test]
fn ends_within_a_day_and_what_the_clock_was_set() {
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..5_000 {
        let name = ["Europe/Berlin", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe"];
        let zone = zone(name[random.usize(0..name.len())]);
        let now = Instant(random.i64(0..4_000_000_000_000));
        let hour = random.i64(0..24);
        let quiet =
            Quiet::parse(&format!("{hour:02}:00"), &format!("{:02}:30", (hour + 13) % 24)).unwrap();
        if let Some(end) = quiet.until(&zone, now) {
            assert!(end.0 - now.0 <= 26 * HOUR, "{quiet} {now} {end}");
        }
    }
}

#[test]
fn nothing_beyond_the_calendar() {
    let zones = ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "-18:00", "+18:00"];
    let (least, most) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    for name in zones {
        let zone = zone(name);
        for quiet in [quiet("22:00-08:00"), quiet("00:00-23:59"), quiet("08:01-08:00")] {
            for now in [i64::MIN, i64::MIN + 1, least - 1, most + 1, i64::MAX - 1, i64::MAX] {
                assert_eq!(quiet.until(&zone, Instant(now)), None, "{quiet} {name} {now}");
            }
            for step in 0..72 {
                for now in [least + step * HOUR, most - step * HOUR] {
                    if let Some(end) = quiet.until(&zone, Instant(now)) {
                        assert!(end.0 > now && end.0 <= most, "{quiet} {name} {now}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_hours_and_no_zone_panics() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.usize(0..8)).map(|_| random.u8(..)).collect();
        let text = String::from_utf8_lossy(&bytes);
        let _ = Zone::parse(&text);
        let _ = Zone::parse(&format!("+{text}"));
        let _ = Quiet::parse(&text, "08:00");
    }
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        let Some(zone) = Zone::parse(name.as_str()) else { continue };
        for _ in 0..20 {
            let _ = quiet("22:00-08:00").until(&zone, Instant(random.i64(..)));
            let now = random.i64(-6_000_000_000_000..6_000_000_000_000);
            if let Some(end) = quiet("22:00-08:00").until(&zone, Instant(now)) {
                assert!(end.0 > now && end.0 - now < 60 * HOUR, "{name} {now}");
            }
        }
    }
}
