//! Return data: what was received, how surely, on which channel; and what was given up.

use super::*;
use crate::engine::event::{Grade, Instant, Shows};
use crate::engine::policy::{History, Itinerary, Origin, Question, Shape};

const GRADES: [Grade; 7] = [
    Grade::Accepted,
    Grade::Delivered,
    Grade::MachineOpened,
    Grade::Opened,
    Grade::Seen,
    Grade::Confirmed,
    Grade::Converted,
];

fn routed(plan: Itinerary) -> Live {
    let journey = Native::journey([rule("A", 100), quiet("B")]);
    let mut ann = world(journey).with("route", Native::route(plan)).live();
    ann.does(op(0, "A")).until(101).told();
    ann
}

fn history(ann: &Live, channel: &str) -> (u32, u32, u32, Option<i64>) {
    let History { sent, feedback, first_feedback, last_feedback } = ann.state.channels[channel];
    (sent, feedback, first_feedback, last_feedback.map(|at| at.0))
}

#[test]
fn c4_return_data_with_the_tracking_id_is_evidence_and_ends_the_push() {
    let mut ann = routed(plan([("app", 50), ("mail", 50)]));
    ann.shows(120, 0, Grade::Opened).until(10_000);
    assert_eq!(ann.told(), ["120 evidence app Opened", "120 ended Received 1"]);
    assert_eq!((ann.outbox.len(), ann.due), (1, None));
}

#[test]
fn c4_a_push_ends_at_the_wanted_grade_or_better_and_not_before() {
    for (at, wanted) in GRADES.into_iter().enumerate() {
        for (shown, grade) in GRADES.into_iter().enumerate() {
            let mut ann = routed(Itinerary { ends_at: wanted, ..plan([("app", 50)]) });
            ann.shows(120, 0, grade);
            let ended = ann.told_of(&["ended"]) == ["120 ended Received 1"];
            assert_eq!(ended, shown >= at, "{grade:?} where {wanted:?} is wanted");
        }
    }
}

#[test]
fn c4_what_a_machine_opened_nobody_has_opened() {
    let mut ann = routed(plan([("app", 50), ("mail", 50)]));
    ann.shows(120, 0, Grade::MachineOpened).until(152);
    assert_eq!(ann.told_of(&["sent", "ended"]), ["152 sent mail 1 Go on!"]);
}

#[test]
fn c4_doubled_and_overtaken_return_data_shows_nothing_new() {
    let mut ann = routed(Itinerary { ends_at: Grade::Confirmed, ..plan([("app", 500)]) });
    ann.shows(110, 0, Grade::Opened).told();
    let before = ann.state.clone();
    ann.shows(110, 0, Grade::Opened).shows(110, 0, Grade::Accepted).shows(110, 0, Grade::Delivered);
    assert!(ann.told().is_empty());
    assert_eq!(ann.state, before);
    let message = &ann.state.messages[0];
    assert_eq!(message.evidence, Some(Grade::Opened));
    assert_eq!(message.attempts[0].evidence, Some(Grade::Opened));
}

#[test]
fn c4_the_best_evidence_of_all_attempts_is_the_messages() {
    let mut ann = routed(Itinerary { ends_at: Grade::Converted, ..plan([("app,mail", 500)]) });
    ann.shows(110, 1, Grade::Seen).shows(120, 0, Grade::Accepted);
    assert_eq!(ann.told(), ["110 evidence mail Seen", "120 evidence app Accepted"]);
    let message = &ann.state.messages[0];
    assert_eq!(message.evidence, Some(Grade::Seen));
    let attempts: Vec<_> = message.attempts.iter().map(|attempt| attempt.evidence).collect();
    assert_eq!(attempts, [Some(Grade::Accepted), Some(Grade::Seen)]);
}

#[test]
fn c4_an_unknown_tracking_id_is_about_nothing() {
    let mut ann = routed(plan([("app", 50)]));
    ann.does(receipt(110, "nonsense", Grade::Confirmed)).does(receipt(111, "", Shows::Failed));
    assert_eq!(ann.told(), ["110 unmatched", "111 unmatched"]);
    assert_eq!(ann.state.messages[0].evidence, None);
    assert_eq!(ann.due, Some(Instant(152)));
}

#[test]
fn c4_late_evidence_counts() {
    let mut ann = routed(plan([("app", 50)]));
    ann.until(1_000).told();
    assert!(ann.state.messages[0].ended);
    ann.shows(5_000, 0, Grade::Confirmed);
    assert_eq!(ann.told(), ["5000 evidence app Confirmed"], "but it ends nothing twice");
    assert_eq!(ann.state.messages[0].evidence, Some(Grade::Confirmed));
    assert_eq!(history(&ann, "app"), (1, 1, 1, Some(5_000)));
}

#[test]
fn c4_evidence_of_an_earlier_step_ends_the_push() {
    let mut ann = routed(plan([("app", 50), ("mail", 50), ("sms", 50)]));
    ann.until(152).shows(160, 0, Grade::Opened).until(10_000);
    assert_eq!(ann.told_of(&["sent", "ended"]), ["152 sent mail 1 Go on!", "160 ended Received 2"]);
}

#[test]
fn c5_an_attempt_given_up_moves_on_at_once() {
    let mut ann = routed(plan([("app", 50), ("mail", 50)]));
    ann.shows(110, 0, Shows::Failed);
    assert_eq!(ann.told(), ["110 failed app", "110 sent mail 1 Go on!"]);
    assert_eq!(ann.due, Some(Instant(161)));
    // The last of all.
    ann.shows(120, 1, Shows::Failed).until(10_000);
    assert_eq!(ann.told(), ["120 failed mail", "120 ended Unreceived 2"]);
}

#[test]
fn c5_a_step_goes_on_while_one_of_its_attempts_has_not_been_given_up() {
    let mut ann = routed(plan([("app,mail", 50), ("sms", 50)]));
    ann.shows(110, 0, Shows::Failed).shows(111, 0, Shows::Failed);
    assert_eq!(ann.told(), ["110 failed app"]);
    assert_eq!(ann.due, Some(Instant(152)));
    ann.shows(120, 1, Shows::Failed);
    assert_eq!(ann.told(), ["120 failed mail", "120 sent sms 1 Go on!"]);
}

#[test]
fn c5_giving_up_an_attempt_of_another_step_moves_nothing() {
    let mut ann = routed(plan([("app", 50), ("mail", 50), ("sms", 50)]));
    ann.until(152).shows(160, 0, Shows::Failed);
    assert_eq!(ann.told_of(&["failed", "sent"]), ["152 sent mail 1 Go on!", "160 failed app"]);
    assert_eq!(ann.due, Some(Instant(203)));
}

#[test]
fn c5_giving_up_after_the_end_moves_nothing() {
    let mut ann = routed(plan([("app", 50), ("mail", 50)]));
    ann.shows(110, 0, Grade::Opened).shows(120, 0, Shows::Failed).until(10_000);
    let want = ["110 evidence app Opened", "110 ended Received 1", "120 failed app"];
    assert_eq!(ann.told(), want);
    assert_eq!(ann.state.messages[0].step, 0, "where it ended");
}

#[test]
fn d4_feedback_is_counted_once_a_message_and_channel_and_first_feedback_once_a_message() {
    let mut ann = routed(Itinerary { ends_at: Grade::Confirmed, ..plan([("app,mail,sms", 50)]) });
    ann.shows(110, 1, Grade::Seen);
    assert_eq!(history(&ann, "mail"), (1, 0, 0, None), "it was seen, but nobody answered");
    ann.shows(120, 1, Grade::Confirmed);
    assert_eq!(history(&ann, "mail"), (1, 1, 1, Some(120)));
    ann.shows(130, 0, Grade::Confirmed).shows(140, 0, Grade::Confirmed);
    assert_eq!(history(&ann, "app"), (1, 1, 0, Some(130)));
    assert_eq!(history(&ann, "sms"), (1, 0, 0, None));
}

#[test]
fn d4_two_attempts_on_one_channel_are_one_message() {
    let mut ann = routed(Itinerary {
        ends_at: Grade::Converted,
        ..plan([("app", 10), ("app", 10), ("mail", 500)])
    });
    ann.until(150);
    ann.shows(150, 1, Grade::Confirmed).shows(160, 0, Grade::Confirmed);
    ann.shows(170, 2, Grade::Confirmed);
    assert_eq!(history(&ann, "app"), (2, 1, 1, Some(160)));
    assert_eq!(history(&ann, "mail"), (1, 1, 0, Some(170)));
}

#[test]
fn d4_how_the_channels_did_is_shown_to_policies() {
    let asked = &[Question::Plan];
    let fact = |native: Native, name: &str| {
        let shape = if name.contains("last") { Shape::Instant } else { Shape::Integer };
        native.needs(Origin::Channel, name, shape, asked)
    };
    let names = ["app/sent", "app/feedback", "app/first-feedback", "app/last-feedback", "fax/sent"];
    let route = names.into_iter().fold(Native::route(plan([])), fact).planning(|request, row| {
        let [app, ..] = request.readings.as_slice() else { panic!() };
        let History { sent, feedback, first_feedback, last_feedback } = app.history;
        let read = [sent, feedback, first_feedback].map(|n| Some(i64::from(n)));
        assert_eq!([row.integer(1), row.integer(2), row.integer(3)], read);
        assert_eq!(row.integer(4), last_feedback.map(|at| at.0));
        assert_eq!(row.integer(5), Some(0), "of a channel never used");
        // The first message takes the app; the second one a channel for each thing remembered.
        Some(match (request.messages, sent, feedback) {
            (0, 0, 0) => plan([("app", 50)]),
            (1, 1, 1) if last_feedback == Some(Instant(110)) => plan([("sms", 50)]),
            _ => plan([("mail", 50)]),
        })
    });
    let journey = Native::journey([rule("A", 100), rule("B", 100)]);
    let mut ann = world(journey).with("route", route).live();
    ann.does(op(0, "A")).until(101).shows(110, 0, Grade::Confirmed);
    ann.does(op(200, "B")).until(301);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 Go on!", "301 sent sms 0 Go on!"]);
}
