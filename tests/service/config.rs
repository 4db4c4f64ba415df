//! The configuration: printed, settled, and refused with all that is wrong at once.

use super::stage::{Stage, nudge, run};

#[test]
fn the_default_is_printed_and_is_a_configuration() {
    let printed = run(&mut nudge(&["config"]));
    assert_eq!(printed.code, 0, "{printed:?}");
    for section in ["[ingest]", "[engine]", "[policies]", "[store]", "[inbox]", "[http]"] {
        assert!(printed.out.contains(section), "{section}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nudge.toml");
    std::fs::write(&file, &printed.out).unwrap();
    let bare = run(&mut nudge(&["config", "--effective"]));
    let with = run(nudge(&["config", "--effective", "--config"]).arg(&file));
    assert_eq!((bare.code, with.code), (0, 0), "{bare:?} {with:?}");
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    };
    assert_eq!(values(&bare.out), values(&with.out));
    assert_eq!(values(&bare.out), values(&printed.out));
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nudge.toml");
    let text = "\
listen = \"everywhere\"
dta = \"x\"

[ingest]
rate = \"fast\"
burts = 3
batch_bytes = \"10 parsecs\"

[enigne]
threads = 2
";
    std::fs::write(&file, text).unwrap();
    for command in ["serve", "config"] {
        let mut wrong = nudge(&[command, "--listen", "nowhere"]);
        if command == "config" {
            wrong.arg("--effective");
        }
        wrong.arg("--config").arg(&file);
        wrong.env("NUDGE_INGEST_ACK_TIMEOUT", "soon").env("NUDGE_INGEST_BRUST", "1");
        wrong.env("NUDGE_DATA", folder.path().join("data"));
        let wrong = run(&mut wrong);
        assert_eq!((wrong.code, wrong.out.as_str()), (2, ""), "{wrong:?}");
        let name = file.to_str().unwrap();
        for (place, hint) in [
            (format!("{name}:1:10: "), "everywhere"),
            (format!("{name}:2:1: "), "did you mean data"),
            (format!("{name}:5:8: "), "fast"),
            (format!("{name}:6:1: "), "burst"),
            (format!("{name}:7:15: "), "10 parsecs"),
            (format!("{name}:9:2: "), "engine"),
            ("NUDGE_INGEST_ACK_TIMEOUT: ".to_owned(), "soon"),
            ("NUDGE_INGEST_BRUST: ".to_owned(), "NUDGE_INGEST_BURST"),
            ("--listen: ".to_owned(), "nowhere"),
        ] {
            let line = wrong.err.lines().find(|line| line.contains(&place));
            let line = line.unwrap_or_else(|| panic!("{place}\n{}", wrong.err));
            assert!(line.contains(hint), "{line}");
        }
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn the_layers_go_over_each_other_and_each_value_says_where_it_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nudge.toml");
    let text = "listen = \"127.0.0.1:1\"\n[ingest]\nrate = 7\nburst = 8\n[log]\nlevel = \"warn\"\n";
    std::fs::write(&file, text).unwrap();
    let mut command = nudge(&["config", "--effective", "--listen", "127.0.0.1:3"]);
    command.env("NUDGE_CONFIG", &file);
    command.env("NUDGE_LISTEN", "127.0.0.1:2").env("NUDGE_INGEST_BURST", "9");
    let settled = run(&mut command);
    assert_eq!(settled.code, 0, "{settled:?}");
    for (value, from) in [
        ("listen = \"127.0.0.1:3\"", "--listen"),
        ("rate = 7", "nudge.toml:3:8"),
        ("burst = 9", "NUDGE_INGEST_BURST"),
        ("level = \"warn\"", "nudge.toml:6:9"),
    ] {
        let at = settled.out.find(value).unwrap_or_else(|| panic!("{value}\n{}", settled.out));
        // Beside it or on the line above.
        let around = &settled.out[at.saturating_sub(120)..(at + 160).min(settled.out.len())];
        assert!(around.contains(from), "{value} is not said to be from {from}:\n{around}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing.toml");
    let missing = run(nudge(&["serve", "--config"]).arg(&file));
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.err.contains(file.to_str().unwrap()), "{missing:?}");
    std::fs::write(&file, "data = ").unwrap();
    let broken = run(nudge(&["serve", "--config"]).arg(&file));
    assert_eq!(broken.code, 2, "{broken:?}");
    assert!(broken.err.contains(&format!("{}:1:", file.display())), "{broken:?}");
}

#[test]
fn an_address_that_is_taken_is_named_and_ends_it() {
    let stage = Stage::new();
    let taken = stage.server.base().strip_prefix("http://").unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let ended =
        run(nudge(&["serve", "--listen", &taken, "--data"]).arg(folder.path().join("data")));
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(&taken), "{ended:?}");
}
