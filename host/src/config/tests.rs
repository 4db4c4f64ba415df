//! How the layers come together, and what is said when they do not.

use std::time::Duration;

use toml_edit::{Document, Key as TomlKey, TableLike};

use super::*;

const NONE: [(&str, &str); 0] = [];

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some((Path::new("nudge.toml"), file)), env, &Overrides::default())
}

/// What is said about a file and an environment.
fn said(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load(file, env) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

/// A configuration without where its values are from.
fn values(config: Config) -> Config {
    Config { effective: String::new(), ..config }
}

#[test]
fn the_default_is_as_promised() {
    let config = Config::load(None, std::iter::empty(), &Overrides::default()).unwrap();
    assert_eq!(config.data, Path::new("nudge-data"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, "");
    assert_eq!((config.log.level, config.log.format), (Level::Info, Format::Text));
    let ingest = &config.ingest;
    assert_eq!((ingest.queue_events, ingest.queue_bytes), (20_000, 32 << 20));
    assert_eq!((ingest.rate, ingest.burst), (20_000, 40_000));
    assert_eq!((ingest.batch_items, ingest.batch_bytes), (2_500, 500_000));
    assert_eq!((ingest.item_bytes, ingest.import_bytes), (32 << 10, 256 << 20));
    let day = Duration::from_secs(86_400);
    assert_eq!((ingest.historical_after, ingest.dedup_window), (day, day));
    assert_eq!((ingest.dedup_ids, ingest.ack_timeout), (2_000_000, day / 2_880));
    let feed = &config.feed;
    assert!(feed.folder.as_os_str().is_empty() && feed.nats_credentials.as_os_str().is_empty());
    assert_eq!((feed.every, feed.settle), (day / 8_640, day / 17_280));
    assert_eq!((feed.nats_url.as_str(), feed.nats_stream.as_str()), ("", "nudge"));
    assert_eq!(feed.nats_subject, "nudge.events.{tenant}");
    assert_eq!(feed.nats_durable, "nudge");
    let engine = &config.engine;
    assert_eq!((engine.threads, engine.batch, engine.cached_states), (0, 1_000, 100_000));
    let policies = &config.policies;
    assert_eq!((policies.most, policies.component_bytes), (100, 4 << 20));
    assert_eq!((policies.compile_time, policies.compile_memory), (day / 1_440, 2 << 30));
    assert_eq!((policies.fault_limit, policies.fault_window), (20, day / 144));
    let store = &config.store;
    assert_eq!(store.flush_users, 50_000);
    assert_eq!((store.log_retention, store.message_retention), (day * 90, day * 90));
    let delivery = &config.delivery;
    assert_eq!((delivery.concurrency, delivery.lease), (256, day / 2_880));
    assert_eq!((delivery.per_tenant, delivery.per_channel), (128, 50));
    assert_eq!((delivery.retries.len(), delivery.timeout), (6, day / 5_760));
    assert!(delivery.allow_networks.is_empty() && config.secrets.key_file.as_os_str().is_empty());
    assert_eq!((config.inbox.token_life, config.inbox.most_streams), (day / 24, 10_000));
    let mailbox = &config.mailbox;
    assert_eq!((mailbox.listen, mailbox.domain.as_str()), (None, ""));
    assert_eq!((mailbox.message_bytes, mailbox.tenant_bytes), (10 << 20, 256 << 20));
    assert_eq!((mailbox.connections, mailbox.per_address, mailbox.contents), (64, 8, 20));
    assert_eq!(mailbox.timeout, day / 1_440);
    let http = &config.http;
    assert_eq!((http.request_timeout, http.header_timeout), (day / 1_440, day / 8_640));
    assert_eq!((http.connections, http.drain), (10_000, day / 8_640));
}

// The types take every key of the table and miss none, or nothing could be loaded: so a key of the text
// is a key of the table is a key of the types.
#[test]
fn the_text_the_table_and_the_types_have_the_same_keys() {
    let document = Document::parse(DEFAULT).unwrap();
    let mut keys = Vec::new();
    for (name, item) in document.iter() {
        match item.as_table() {
            Some(table) => keys.extend(table.iter().map(|(key, _)| format!("{name}.{key}"))),
            None => keys.push(name.to_owned()),
        }
    }
    assert_eq!(keys, KEYS.iter().map(Key::path).collect::<Vec<_>>(), "and in the same order");
    for missing in KEYS {
        let mut problems = Vec::new();
        let given = layers::default(DEFAULT, &mut problems);
        let mut settled = settle(given, &mut problems);
        settled.remove(&(missing.section, missing.name));
        let config = toml_edit::de::from_document::<Config>(super::document(&settled));
        assert!(config.is_err(), "the types do not know {}", missing.path());
    }
}

#[test]
fn every_key_and_section_is_documented() {
    let document = Document::parse(DEFAULT).unwrap();
    let comment = |decor: Option<&str>| {
        let own = decor.unwrap_or_default().trim().rsplit("\n\n").next().unwrap_or_default();
        let words = own.replace('#', "");
        assert!(words.split_whitespace().count() >= 3, "{words:?} explains nothing");
    };
    let of_key = |key: &TomlKey| {
        let decor = key.leaf_decor().prefix().and_then(toml_edit::RawString::span);
        comment(decor.and_then(|span| DEFAULT.get(span)));
    };
    for &Key { section, name, .. } in KEYS {
        let table: &dyn TableLike = match section {
            "" => document.as_table(),
            section => document.get(section).unwrap().as_table().unwrap(),
        };
        of_key(table.key(name).unwrap());
        if !section.is_empty() {
            let table = document.get(section).unwrap().as_table().unwrap();
            let span = table.decor().prefix().and_then(toml_edit::RawString::span).unwrap();
            comment(DEFAULT.get(span));
        }
    }
    assert!(DEFAULT.lines().all(|line| line.chars().count() <= 110), "it fits on a screen");
}

#[test]
fn sections_have_no_underscore() {
    assert!(KEYS.iter().all(|key| !key.section.contains('_')));
    let variables: std::collections::BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
    assert_eq!(variables.len(), KEYS.len());
    assert!(variables.contains("NUDGE_INGEST_QUEUE_EVENTS") && variables.contains("NUDGE_DATA"));
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let file = "data = \"file\"\nlisten = \"127.0.0.1:1\"\n[ingest]\nrate = 1\nburst = 2\n";
    let env = [
        ("NUDGE_DATA", "env"),
        ("NUDGE_LISTEN", "127.0.0.1:2"),
        ("NUDGE_INGEST_BURST", "3"),
        ("NUDGE_PUBLIC_URL", "https://nudge.example.com/"),
        ("PATH", "/bin"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!((config.ingest.rate, config.ingest.burst), (1, 3));
    assert_eq!(config.data, Path::new("env"));
    assert_eq!(config.public_url, "https://nudge.example.com");
    assert_eq!(config.ingest.queue_events, 20_000);

    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let overrides = Overrides { data: Some("here".into()), listen: Some("[::1]:3".to_owned()) };
    let file = (Path::new("nudge.toml"), file);
    let config = Config::load(Some(file), env, &overrides).unwrap();
    assert_eq!(config.data, Path::new("here"));
    assert_eq!(config.listen.to_string(), "[::1]:3");
}

#[test]
fn values_are_written_in_many_ways() {
    let file = "ingest = { rate = 1_000, queue_bytes = 1048576 }\nhttp.drain = \"500ms\"\n\
                log.level = \"WARN\"\n[policies]\ncompile_memory = \"1 GiB\"\n";
    let env = [
        ("NUDGE_INGEST_BURST", " 5_000 "),
        ("NUDGE_INGEST_QUEUE_EVENTS", "0030000"),
        ("NUDGE_INGEST_IMPORT_BYTES", "1000000"),
        ("NUDGE_STORE_LOG_RETENTION", "30d"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!((config.ingest.rate, config.ingest.burst), (1_000, 5_000));
    assert_eq!((config.ingest.queue_bytes, config.ingest.import_bytes), (1 << 20, 1_000_000));
    assert_eq!(config.ingest.queue_events, 30_000);
    assert_eq!(config.http.drain, Duration::from_millis(500));
    assert_eq!(config.log.level.as_str(), "warn");
    assert_eq!(config.policies.compile_memory, 1 << 30);
    assert_eq!(config.store.log_retention, Duration::from_secs(30 * 86_400));
}

#[test]
fn a_wrong_key_has_a_place_and_a_hint() {
    let file = "# one\n\n[ingest]\nrate = 5\n    queue_eventz = 3\n";
    assert_eq!(
        said(file, &NONE),
        ["nudge.toml:5:5: ingest.queue_eventz is no key; did you mean ingest.queue_events?"]
    );
    for (file, message) in [
        ("dta = 1", "nudge.toml:1:1: dta is no key; did you mean data?"),
        ("rate = 1", "nudge.toml:1:1: rate is no key; did you mean ingest.rate?"),
        ("[http]\nlease = 1", "nudge.toml:2:1: http.lease is no key; did you mean delivery.lease?"),
        ("[log]\ncolour = 1", "nudge.toml:2:1: log.colour is no key"),
        ("ingest.rte = 1", "nudge.toml:1:8: ingest.rte is no key; did you mean ingest.rate?"),
        ("log = { levl = 1 }", "nudge.toml:1:9: log.levl is no key; did you mean log.level?"),
        (
            "[http]\nrequest-timeout = 1",
            "nudge.toml:2:1: http.request-timeout is no key; did you mean http.request_timeout?",
        ),
        ("[ingst]\nrate = 1", "nudge.toml:1:2: ingst is no section; did you mean ingest?"),
        ("ingst = 1", "nudge.toml:1:1: ingst is no key; did you mean the section [ingest]?"),
        ("[elsewhere]", "nudge.toml:1:2: elsewhere is no section"),
        ("[data]", "nudge.toml:1:2: data is a key with a value, not a section"),
        ("[log.level]", "nudge.toml:1:6: log.level is a key with a value, not a section"),
        ("log.level = { a = 1 }", "nudge.toml:1:5: log.level is a key with a value, not a section"),
        ("[[log.level]]", "nudge.toml:1:7: log.level is a key with a value, not a section"),
        ("log = 1", "nudge.toml:1:1: log is a section: write [log] and its keys below"),
        ("[[log]]", "nudge.toml:1:3: log is a section: write [log] and its keys below"),
        ("\"é\" = 1\n\"\\u001b[2J\" = 1", "nudge.toml:1:1: é is no key"),
    ] {
        assert_eq!(said(file, &NONE).first().map(String::as_str), Some(message), "{file}");
    }
    let hostile = said("\"\\u001b[2J\" = \"\\u001b\"\n[log]\nlevel = \"\\u001b[2J\"", &NONE);
    assert_eq!(hostile.len(), 2);
    assert!(hostile.iter().all(|line| !line.contains('\u{1b}')), "{hostile:?}");
}

#[test]
fn a_wrong_value_has_a_place_and_a_reason() {
    for (key, value, message) in [
        ("ingest.queue_events", "\"many\"", "\"many\" is not a whole number"),
        (
            "ingest.queue_events",
            "\"5\"",
            "\"5\" is not a whole number: write it without quotation marks",
        ),
        ("ingest.queue_events", "2.5", "2.5 is not a whole number"),
        ("ingest.queue_events", "true", "true is not a whole number"),
        ("ingest.queue_events", "[1]", "[1] is not a whole number"),
        ("ingest.queue_events", "0", "0 is less than 1: a queue without room takes nothing"),
        ("ingest.queue_events", "-7", "-7 is less than 1: a queue without room takes nothing"),
        ("engine.threads", "-1", "-1 is less than 0"),
        ("engine.threads", "5000", "5000 is more than 1024"),
        (
            "ingest.batch_bytes",
            "\"big\"",
            "\"big\" is no size, like \"500KB\", \"32KiB\", \"4MiB\" or 65536",
        ),
        (
            "ingest.batch_bytes",
            "1.5",
            "1.5 is no size, like \"500KB\", \"32KiB\", \"4MiB\" or 65536",
        ),
        ("ingest.batch_bytes", "10", "10 is less than 1KiB: an event would not fit"),
        ("ingest.batch_bytes", "\"9GB\"", "\"9GB\" is more than 1GiB"),
        (
            "delivery.lease",
            "30",
            "30 is no span of time, like \"500ms\", \"30s\", \"10m\", \"24h\" or \"30d\"",
        ),
        ("delivery.lease", "\"0s\"", "\"0s\" is less than 1s: every message would be sent twice"),
        ("delivery.lease", "\"2d\"", "\"2d\" is more than 1h"),
        (
            "log.level",
            "\"loud\"",
            "\"loud\" is none of \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
        ),
        (
            "listen",
            "\"localhost\"",
            "\"localhost\" is no IP address with a port, like \"127.0.0.1:8080\" or \"[::]:8080\"",
        ),
        (
            "mailbox.listen",
            "\"25\"",
            "\"25\" is no IP address with a port, like \"127.0.0.1:8080\" or \"[::]:8080\"",
        ),
        ("mailbox.domain", "\"a..b\"", "\"a..b\" is no name of a host, like \"mail.example.com\""),
        ("mailbox.domain", "\"-a.b\"", "\"-a.b\" is no name of a host, like \"mail.example.com\""),
        ("mailbox.domain", "1", "1 is no text"),
        ("data", "\"\"", "there must be a path"),
        ("data", "1", "1 is no text"),
        ("data", "\"a\\u0000\"", "\"a\\0\" has characters that are none"),
        (
            "public_url",
            "\"ftp://x\"",
            "\"ftp://x\" is no address on the web, like \"https://nudge.example.com\"",
        ),
        (
            "public_url",
            "\"https://x?a\"",
            "\"https://x?a\" is more than scheme, host and path, in ASCII",
        ),
        (
            "public_url",
            "\"https://u:geheim@x/\"",
            "a name or password has no place in it, everybody sees it",
        ),
    ] {
        let column = key.len() + 4;
        let expected = format!("nudge.toml:1:{column}: {key}: {message}");
        assert_eq!(said(&format!("{key} = {value}"), &NONE), [expected]);
    }
}

#[test]
fn a_wrong_variable_has_its_name() {
    for (name, value, message) in [
        ("NUDGE_INGEST_QUEUE_EVENTS", "many", "\"many\" is not a whole number"),
        ("NUDGE_INGEST_QUEUE_EVENTS", "", "\"\" is not a whole number"),
        (
            "NUDGE_INGEST_QUEUE_EVENTS",
            "-3",
            "\"-3\" is less than 1: a queue without room takes nothing",
        ),
        (
            "NUDGE_INGEST_QUEUE_EVENTZ",
            "1",
            "no key has this variable; did you mean NUDGE_INGEST_QUEUE_EVENTS?",
        ),
        ("NUDGE_INGEST__RATE", "1", "no key has this variable; did you mean NUDGE_INGEST_RATE?"),
        ("NUDGE_SOMETHING", "1", "no key has this variable"),
        ("NUDGE_", "1", "no key has this variable"),
        ("NUDGE_DATA", "a\u{fffd}", "\"a\u{fffd}\" has characters that are none"),
    ] {
        assert_eq!(said("", &[(name, value)]), [format!("{name}: {message}")]);
    }
    for (name, value) in [
        ("NUDGE_SERVICE_HOST", "10.0.0.1"),
        ("NUDGE_API_SERVICE_PORT_HTTP", "80"),
        ("NUDGE_PORT", "tcp://10.0.0.1:80"),
        ("NUDGE_PORT_80_TCP", "tcp://10.0.0.1:80"),
    ] {
        let said = said("", &[(name, value)]);
        assert!(said.iter().all(|line| line.contains("enableServiceLinks")), "{said:?}");
        assert_eq!(said.len(), 1);
    }
    assert_eq!(said("", &[("NUDGE_PORT", "80")]), ["NUDGE_PORT: no key has this variable"]);
}

#[test]
fn other_variables_are_let_alone() {
    let others = ["LOG", "LOGS", "C", "SDK", "KEY", "SERVER", "SEED", "SEEDS", "CONFIG"];
    for name in others {
        assert_eq!(said("", &[(&format!("NUDGE_{name}"), "anything")]), NONE_SAID, "{name}");
        assert_eq!(said("", &[(&format!("NUDGE_{name}S_"), "anything")]).len(), 1, "{name}");
    }
    assert_eq!(said("", &[("nudge_ingest_rate", "?"), ("XNUDGE_A", "?")]), NONE_SAID);
}

const NONE_SAID: [String; 0] = [];

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let file = "dta = 1\n[ingest]\nrate = 0\nqueue_eventz = 1\n[htp]\n";
    let env = [("NUDGE_INGEST_RATE", "x"), ("NUDGE_FOO_BAR", "y")];
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let overrides = Overrides { data: None, listen: Some("x".to_owned()) };
    let file = (Path::new("nudge.toml"), file);
    let error = Config::load(Some(file), env, &overrides).unwrap_err();
    let places: Vec<String> =
        error.problems().iter().map(|problem| problem.place.to_string()).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "--listen",
            "NUDGE_FOO_BAR",
            "NUDGE_INGEST_RATE",
            "nudge.toml:1:1",
            "nudge.toml:3:8",
            "nudge.toml:4:1",
            "nudge.toml:5:2",
        ]
    );
    assert_eq!(error.to_string().lines().count(), 7);
}

#[test]
fn a_file_that_is_no_toml_does_not_hide_the_rest() {
    let said = said("[ingest]\nrate = \n", &[("NUDGE_INGEST_BURST", "x")]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("nudge.toml:2:"), "{said:?}");
    assert!(said[1].starts_with("NUDGE_INGEST_BURST: "), "{said:?}");
    for file in ["[a]\n[a]", "a = 1\na = 2", "a = \"\u{1b}\"", "\u{1b}", "= 1", "[", "\0"] {
        let said = self::said(file, &NONE);
        assert!(!said.is_empty() && said.iter().all(|line| !line.contains('\u{1b}')), "{said:?}");
    }
}

#[test]
fn some_values_do_not_go_together() {
    assert_eq!(
        said("[ingest]\nitem_bytes = \"1MiB\"", &NONE),
        [
            "nudge.toml:2:14: ingest.item_bytes = \"1MiB\" is more than ingest.batch_bytes = \"500KB\": \
          no batch would hold such an item"
        ]
    );
    let said = said("", &[("NUDGE_HTTP_REQUEST_TIMEOUT", "5s")]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.starts_with("NUDGE_HTTP_REQUEST_TIMEOUT: ")), "{said:?}");
    let mail = "[mailbox]\nlisten = \"127.0.0.1:25\"\n";
    assert_eq!(
        self::said(mail, &NONE),
        ["nudge.toml:2:10: mailbox.listen = \"127.0.0.1:25\" needs mailbox.domain: without it no \
             mailbox has an address"]
    );
    let config = load(&format!("{mail}domain = \"Mail.Example.com\""), &NONE).unwrap();
    assert_eq!(config.mailbox.listen.unwrap().port(), 25);
    assert_eq!(config.mailbox.domain, "mail.example.com");
    let said = self::said("[mailbox]\ntenant_bytes = \"1MiB\"\nper_address = 65", &NONE);
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn the_effective_configuration_says_where_it_is_from_and_is_read_back() {
    let file = "data = 'C:\\nudge # \"x\"'\n[ingest]\nrate = 7\nqueue_bytes = \"1 MiB\"\n";
    let config = load(file, &[("NUDGE_LOG_FORMAT", "json")]).unwrap();
    let text = config.to_toml().to_owned();
    assert!(text.contains("rate = 7 # nudge.toml:3:8\n"), "{text}");
    assert!(text.contains("format = \"json\" # NUDGE_LOG_FORMAT\n"), "{text}");
    assert!(text.contains("\n[http]\nrequest_timeout = \"60s\"\n"), "{text}");
    assert_eq!(values(load(&text, &NONE).unwrap()), values(config));

    let default = Config::load(None, std::iter::empty(), &Overrides::default()).unwrap();
    assert!(!default.to_toml().contains('#'), "{}", default.to_toml());
    let read = load(Config::default_text(), &NONE).unwrap();
    assert_eq!(values(read), values(default));
}

#[test]
fn a_place_may_have_an_odd_name() {
    let path = Path::new("a\nb\u{1b}.toml");
    let file = "[ingest]\nrate = 7";
    let config = Config::load(Some((path, file)), std::iter::empty(), &Overrides::default());
    let text = config.unwrap().to_toml().to_owned();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(load(&text, &NONE).is_ok(), "{text}");
}

#[test]
fn b1_where_events_are_fetched_from_is_checked() {
    let file = "[feed]\nfolder = \"/srv/in\"\nevery = \"1s\"\nsettle = \"0s\"\n\
        nats_url = \"nats://a:4222, tls://b.example.com\"\nnats_subject = \"shop.{tenant}.*.>\"\n";
    let feed = load(file, &[("NUDGE_FEED_NATS_STREAM", "EVENTS")]).unwrap().feed;
    assert_eq!((feed.every, feed.settle), (Duration::from_secs(1), Duration::ZERO));
    assert_eq!((feed.nats_stream.as_str(), feed.folder.to_str()), ("EVENTS", Some("/srv/in")));
    for (name, value, hint) in [
        ("NUDGE_FEED_EVERY", "1ms", "100ms"),
        ("NUDGE_FEED_NATS_URL", "http://a:4222", "nats://"),
        ("NUDGE_FEED_NATS_URL", "nats://", "nats://"),
        ("NUDGE_FEED_NATS_URL", "nats://a,,nats://b", "nats://"),
        ("NUDGE_FEED_NATS_URL", "nats://me:secret@a", "nats_credentials"),
        ("NUDGE_FEED_NATS_SUBJECT", "nudge.events", "{tenant}"),
        ("NUDGE_FEED_NATS_SUBJECT", "{tenant}.{tenant}", "{tenant}"),
        ("NUDGE_FEED_NATS_SUBJECT", "a.x{tenant}", "{tenant}"),
        ("NUDGE_FEED_NATS_SUBJECT", "a..{tenant}", "no subject"),
        ("NUDGE_FEED_NATS_SUBJECT", ">.{tenant}", "no subject"),
        ("NUDGE_FEED_NATS_SUBJECT", "a b.{tenant}", "no subject"),
        ("NUDGE_FEED_NATS_STREAM", "", "no name"),
        ("NUDGE_FEED_NATS_STREAM", "a.b", "no name"),
        ("NUDGE_FEED_NATS_DURABLE", "a*", "no name"),
        ("NUDGE_FEED_FOLDER", "a\u{1}", "none"),
        ("NUDGE_FEED_FODLER", "x", "NUDGE_FEED_FOLDER"),
    ] {
        let said = said("", &[(name, value)]).join("\n");
        assert!(said.contains(name) && said.contains(hint), "{name}={value}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
