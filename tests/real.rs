//! Real logs, where they are: `NUDGE_LOGS` names a folder with the event log of the BPI Challenge 2012
//! (doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f) as `bpic2012.xes.gz`, and cut down to CSV as
//! `loan-applications.csv.gz`. Without it these tests are left out, and say so.

use std::io::Write as _;
use std::path::PathBuf;

use crate::backtest::is_the_difference_of_two_replays;
use crate::commands::{Folder, nudge, root};

fn log(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("NUDGE_LOGS") else {
        // Past the test runner, which keeps what passing tests print to itself.
        #[allow(clippy::explicit_write)]
        writeln!(std::io::stderr(), "left out: NUDGE_LOGS names no folder with {name}").unwrap();
        return None;
    };
    // As seen from the repository, wherever the tests run.
    let path = root().join(folder).join(name);
    assert!(path.is_file(), "{} is no file", path.display());
    Some(path)
}

fn counts(log: &std::path::Path, events: u64) {
    let strategy = root().join("policies/dwell/examples/loan-applications.toml");
    let (log, strategy) = (log.to_str().unwrap(), strategy.to_str().unwrap());
    let folder = Folder::new();
    let sum = nudge(&folder, &["replay", log, "--strategy", strategy, "--json"]).json();
    assert_eq!((&sum["events"], &sum["users"]), (&events.into(), &13_087.into()));
    for (node, visits, stalled) in
        [("A_PREACCEPTED", 7_367, 2_024), ("O_SENT", 7_030, 4_106), ("O_SENT_BACK", 3_454, 2_029)]
    {
        assert_eq!(sum["nodes"][node]["visits"], visits, "{node}");
        assert_eq!(sum["nodes"][node]["stalled"], stalled, "{node}");
    }
    let one = nudge(
        &folder,
        &["replay", log, "--strategy", strategy, "--json", "--threads", "1", "--batch", "17"],
    );
    assert_eq!(one.json()["digest"], sum["digest"]);
}

#[test]
fn loan_applications_as_csv() {
    if let Some(log) = log("loan-applications.csv.gz") {
        counts(&log, 92_093);
    }
}

#[test]
fn loan_applications_as_xes() {
    if let Some(log) = log("bpic2012.xes.gz") {
        counts(&log, 262_200);
    }
}

#[test]
fn a_backtest_of_two_thresholds_is_the_difference_of_two_replays() {
    let Some(log) = log("loan-applications.csv.gz") else { return };
    let text = root().join("policies/dwell/examples/loan-applications.toml");
    let old = std::fs::read_to_string(text).unwrap();
    let new = old.replace("threshold = \"7d\"", "threshold = \"10d\"");
    assert_ne!(old, new);
    let folder = Folder::new();
    folder.put("old.toml", old);
    folder.put("new.toml", new);
    let found = is_the_difference_of_two_replays(&folder, log.to_str().unwrap());
    let stalled = |side: &str| found[side]["nodes"]["O_SENT"]["stalled"].as_u64().unwrap();
    assert_eq!(found["difference"]["nodes"]["O_SENT"]["lost"], stalled("old") - stalled("new"));
    assert_eq!(found["difference"]["nodes"]["O_SENT"]["gained"], 0);
}

#[test]
fn b3_b5_b6_groups_by_activity_and_a_campaign_on_the_offers_that_are_open_at_the_end() {
    let Some(log) = log("bpic2012.xes.gz") else { return };
    let example = root().join("policies/audience/examples/open-offers.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let folder = Folder::new();
    // Once, at the end of the log, and not to whoever is sent an offer.
    let (before, campaign) = text.split_once("[[campaign]]").unwrap();
    let (campaign, after) = campaign.split_once("[messages.").unwrap();
    folder.put("groups.toml", format!("{before}[messages.{after}"));
    let campaign =
        campaign.replace("hold_out = 10", "").replace("[campaign.parameters]", "[parameters]");
    folder.put("campaign.toml", campaign);
    let arguments = [
        "replay",
        log.to_str().unwrap(),
        "--strategy",
        "groups.toml",
        "--campaign",
        "campaign.toml",
        "--json",
    ];
    let sum = nudge(&folder, &arguments).json();
    // What a few lines of another language count in the same log.
    let groups = &sum["groups"]["audience"];
    for (group, members) in
        [("A_SUBMITTED", 13_087), ("O_SENT", 5_015), ("A_ACCEPTED", 5_113), ("O_ACCEPTED", 2_243)]
    {
        assert_eq!(groups[group], members, "{group}");
    }
    let campaign = &sum["campaigns"]["open-offers"];
    assert_eq!(campaign["target"], 327, "{campaign}");
    assert_eq!(campaign["messages"], 327, "{campaign}");
    assert_eq!(campaign["missed"]["unqualified"], 5_015 - 327, "{campaign}");
    assert_eq!(campaign["missed"]["not-member"], 13_087 - 5_015, "{campaign}");
    let one = nudge(&folder, &[&arguments[..], &["--threads", "1", "--batch", "17"]].concat());
    assert_eq!(one.json()["digest"], sum["digest"]);
}
