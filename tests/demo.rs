//! `nudge demo`, and the whole loop as it drives it.

use std::collections::BTreeMap;

use nudge::demo::{self, Setting, Told};
use nudge::engine::event::Grade;
use nudge::engine::{Decision, Record};
use nudge::sandbox::{Compiler, Limits, Sandbox};

use crate::commands::{Folder, nudge};

#[test]
fn it_runs_without_arguments_or_set_up_and_ends_in_a_summary() {
    let ended = nudge(&Folder::new(), &["demo", "--users", "300"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.err, "");
    for word in
        ["you are nearly there", "opened on", "went on", "signed", "nobody is\nmessaged", "digest"]
    {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "no colours in a pipe");
    let again = nudge(&Folder::new(), &["demo", "--users", "300"]);
    assert_eq!(again.out, ended.out, "the same every time");
    let other = nudge(&Folder::new(), &["demo", "--users", "300", "--seed", "2"]);
    assert_ne!(other.out, ended.out, "other people");
}

#[test]
fn a9_c4_c5_nobody_is_messaged_after_they_have_opened_it_or_gone_on() {
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    let setting = Setting { users: 500, days: 10, seed: 11 };
    let mut records: Vec<Record> = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum = runtime
        .block_on(demo::run(&sandbox, setting, |told| {
            if let Told::Decided(record) = told {
                records.push(record.clone());
            }
            Ok(())
        }))
        .unwrap();
    let mut over: BTreeMap<String, &str> = BTreeMap::new();
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut moved_on, mut opened) = (0, 0);
    for record in &records {
        match &record.decision {
            Decision::Sent { message, channel, .. } => {
                assert_eq!(over.get(&**message), None, "sent after it was over");
                let channels = sent.entry(message.to_string()).or_default();
                assert!(!channels.contains(&channel.to_string()), "twice on one channel");
                moved_on += usize::from(!channels.is_empty());
                channels.push(channel.to_string());
            }
            Decision::Evidence { message, grade, .. } if *grade >= Grade::Opened => {
                opened += 1;
                over.insert(message.to_string(), "opened");
            }
            Decision::Resolved { message, .. } => {
                over.insert(message.to_string(), "went on");
            }
            _ => {}
        }
    }
    assert!(moved_on > 20 && opened > 20, "{moved_on} {opened}");
    // c2: the order is the strategy's.
    let order = ["app", "wechat", "sms"];
    for channels in sent.values() {
        let places: Vec<usize> =
            channels.iter().map(|c| order.iter().position(|o| o == c).unwrap()).collect();
        assert!(places.is_sorted(), "{channels:?}");
    }
    assert_eq!(sum.report.messages, sent.len() as u64);
    assert!(sum.signed > sum.signed_alone, "{} {}", sum.signed, sum.signed_alone);
    assert!(sum.report.faults.is_empty(), "{:?}", sum.report.faults);
}
