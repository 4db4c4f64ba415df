//! Rows turned into columns: every origin, every shape, and what is absent.

use super::*;
use crate::engine::batch::{Batch, CHANNEL_FACTS, Column, Source, VISIT_FACTS, Values};
use crate::engine::event::{Fields, Grade, Instant, Value};
use crate::engine::policy::{Need, Origin, Question, Questions, Setup, Shape};
use crate::engine::{State, Visit};

const NOW: Instant = Instant(1_000);

fn need(origin: Origin, name: &str, shape: Shape) -> Need {
    let asked = Questions::default().and(Question::Locate);
    Need { origin, name: name.into(), shape, asked }
}

fn columns(rows: &[Source<'_>], needs: Vec<Need>) -> Vec<Column> {
    let setup = Setup { needs, counters: Vec::new() };
    let batch = Batch::of(rows, &setup, Question::Locate);
    assert_eq!(batch.rows(), rows.len());
    batch.columns
}

fn column(rows: &[Source<'_>], origin: Origin, name: &str, shape: Shape) -> Column {
    columns(rows, vec![need(origin, name, shape)]).remove(0)
}

/// One value as the event's field, in a column of that shape; none if it is absent there.
fn cast(value: Value, shape: Shape) -> Option<Values> {
    let state = State::default();
    let fields = fields([("value", value)]);
    let event = Some(("step", &fields));
    let row = Source { at: NOW, label: "journey", event, state: &state, visit: None };
    let Column { absent, values } = column(&[row], Origin::Event, "value", shape);
    match absent.as_slice() {
        [] => Some(values),
        [1] => None,
        other => panic!("{other:?}"),
    }
}

fn spelt(value: &str) -> Option<Values> {
    Some(Values::Text { text: value.to_owned(), ends: vec![value.len() as u32] })
}

#[test]
fn whole_numbers_come_from_whatever_spells_one() {
    let cast = |value| match cast(value, Shape::Integer) {
        Some(Values::Integer(values)) => Some(values[0]),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(cast(text("20000")), Some(20_000));
    assert_eq!(cast(text(" -7\n")), Some(-7));
    assert_eq!(cast(text("9223372036854775807")), Some(i64::MAX));
    assert_eq!(cast(text("9223372036854775808")), None);
    assert_eq!(cast(Value::Integer(i64::MIN)), Some(i64::MIN));
    assert_eq!(cast(Value::Number(20_000.0)), Some(20_000));
    assert_eq!(cast(Value::Number(-3.0)), Some(-3));
    assert_eq!(cast(Value::Number(0.5)), None);
    // Beyond 2^53 not every whole number is a number.
    assert_eq!(cast(Value::Number(9_007_199_254_740_992.0)), Some(1 << 53));
    assert_eq!(cast(Value::Number(1e16)), None);
    for nothing in [text(""), text("2k"), text("1,5"), Value::Flag(true)] {
        assert_eq!(cast(nothing.clone()), None, "{nothing:?}");
    }
}

#[test]
fn numbers_come_from_whatever_spells_one_and_are_finite() {
    let cast = |value| match cast(value, Shape::Number) {
        Some(Values::Number(values)) => Some(values[0]),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(cast(text("20000")), Some(20_000.0));
    assert_eq!(cast(text(" 0.5 ")), Some(0.5));
    assert_eq!(cast(text("1e3")), Some(1_000.0));
    assert_eq!(cast(Value::Integer(7)), Some(7.0));
    assert_eq!(cast(Value::Number(0.1)), Some(0.1));
    let endless = [text("inf"), text("-infinity"), text("NaN"), text("1e999")];
    for nothing in endless.into_iter().chain([text(""), text("x"), Value::Flag(true)]) {
        assert_eq!(cast(nothing.clone()), None, "{nothing:?}");
    }
}

#[test]
fn flags_are_flags_or_spell_one() {
    let flag = |flag: u8| Some(Values::Flag(vec![flag]));
    assert_eq!(cast(Value::Flag(true), Shape::Flag), flag(1));
    assert_eq!(cast(Value::Flag(false), Shape::Flag), flag(0));
    assert_eq!(cast(text(" true "), Shape::Flag), flag(1));
    assert_eq!(cast(text("false"), Shape::Flag), flag(0));
    for nothing in [text("yes"), text(""), text("True"), Value::Integer(1), Value::Number(1.0)] {
        assert_eq!(cast(nothing.clone(), Shape::Flag), None, "{nothing:?}");
    }
}

#[test]
fn moments_are_milliseconds_or_rfc_3339() {
    let moment = |at: i64| Some(Values::Instant(vec![at]));
    assert_eq!(cast(Value::Integer(5), Shape::Instant), moment(5));
    assert_eq!(cast(text("1970-01-01T00:00:01Z"), Shape::Instant), moment(1_000));
    assert_eq!(cast(text("1970-01-01T01:00:00.25+01:00"), Shape::Instant), moment(250));
    assert_eq!(cast(text(" 1969-12-31T23:59:59Z "), Shape::Instant), moment(-1_000));
    let nothing = [text("1970-01-01"), text("1970-01-01T00:00:00"), text("5"), text("")];
    for nothing in nothing.into_iter().chain([Value::Number(5.0), Value::Flag(true)]) {
        assert_eq!(cast(nothing.clone(), Shape::Instant), None, "{nothing:?}");
    }
}

#[test]
fn anything_can_be_spelt() {
    assert_eq!(cast(text(" as it is "), Shape::Text), spelt(" as it is "));
    assert_eq!(cast(Value::Integer(-5), Shape::Text), spelt("-5"));
    assert_eq!(cast(Value::Number(0.25), Shape::Text), spelt("0.25"));
    assert_eq!(cast(Value::Number(3.0), Shape::Text), spelt("3"));
    assert_eq!(cast(Value::Flag(true), Shape::Text), spelt("true"));
    assert_eq!(cast(text(""), Shape::Text), spelt(""), "an empty text is there");
}

#[test]
fn a_row_that_is_about_an_event_sees_the_event_and_any_other_the_process() {
    let mut state = State::default();
    state.process.set("value".into(), Value::Integer(7));
    let fields = fields([("value", Value::Integer(5))]);
    let none = Fields::EMPTY;
    let row = |event| Source { at: NOW, label: "journey", event, state: &state, visit: None };
    let rows = [row(Some(("step", &fields))), row(Some(("step", &none))), row(None)];
    let found = column(&rows, Origin::Event, "value", Shape::Integer);
    assert_eq!(found, Column { absent: vec![0b010], values: Values::Integer(vec![5, 0, 7]) });
    let name = column(&rows[..1], Origin::Event, "name", Shape::Text);
    assert_eq!(Some(name.values), spelt("step"));
}

#[test]
fn the_events_name_is_process_information_like_its_fields() {
    let asked = &[Question::Locate, Question::Stalled];
    let journey = Native::journey([rule("A", 100)])
        .needs(Origin::Event, "name", Shape::Text, asked)
        .locating(|row| (row.text(1) == Some("applied")).then_some(0))
        .drafting(|_, row| Some(draft(row.text(1)?)));
    let mut ann = world(journey).text("asked", "", "You asked.").live();
    ann.does(named(0, "applied", [])).does(named(50, "asked", [("name", text("Ann"))]));
    assert_eq!(ann.until(101).told_of(&["silent", "sent"]), ["101 sent app 0 You asked."]);
}

#[test]
fn profile_fields_are_the_users() {
    let mut state = State::default();
    state.profile.set("age".into(), text("30"));
    let row = Source { at: NOW, label: "journey", event: None, state: &state, visit: None };
    let age = column(&[row], Origin::Profile, "age", Shape::Integer);
    assert_eq!(age, Column { absent: vec![], values: Values::Integer(vec![30]) });
    let gone = column(&[row], Origin::Profile, "size", Shape::Flag);
    assert_eq!(gone, Column { absent: vec![1], values: Values::Flag(vec![0]) });
}

#[test]
fn a3_facts_about_the_visit_are_measured_at_the_rows_moment() {
    let state = State::default();
    let mut visit = Visit::begin("B".into(), Some("A".into()), 0, Instant(100));
    visit.show(Instant(100));
    visit.operate(Instant(400));
    let row = Source { at: NOW, label: "journey", event: None, state: &state, visit: Some(&visit) };
    let fact = |name, shape| column(&[row], Origin::Visit, name, shape);
    assert_eq!(Some(fact("node", Shape::Text).values), spelt("B"));
    assert_eq!(Some(fact("previous", Shape::Text).values), spelt("A"));
    assert_eq!(fact("entered", Shape::Instant).values, Values::Instant(vec![100]));
    assert_eq!(fact("interruption", Shape::Integer).values, Values::Integer(vec![600]));
    assert_eq!(fact("page-stay", Shape::Number).values, Values::Number(vec![900.0]));
    assert_eq!(Some(fact("operations", Shape::Text).values), spelt("1"));
    assert_eq!(Some(fact("entered", Shape::Text).values), spelt("100"));
    for name in VISIT_FACTS {
        assert!(fact(name, Shape::Text).absent.is_empty(), "{name}");
        // Where the question is about no visit, there is none of it.
        let elsewhere = Source { visit: None, ..row };
        assert_eq!(column(&[elsewhere], Origin::Visit, name, Shape::Text).absent, [1], "{name}");
    }
    assert_eq!(fact("colour", Shape::Text).absent, [1]);
    let first = Visit::begin("A".into(), None, 0, Instant(100));
    let row = Source { visit: Some(&first), ..row };
    assert_eq!(column(&[row], Origin::Visit, "previous", Shape::Text).absent, [1]);
}

#[test]
fn d4_facts_about_a_channel_are_the_users_history_there() {
    let route = Native::route(plan([("app", 50)]));
    let mut ann = world(Native::journey([rule("A", 100)])).with("route", route).live();
    ann.does(op(0, "A")).until(101).shows(110, 0, Grade::Confirmed);
    let row = Source { at: NOW, label: "route", event: None, state: &ann.state, visit: None };
    let fact = |name: &str, shape| column(&[row], Origin::Channel, name, shape);
    for name in ["app/sent", "app/feedback", "app/first-feedback"] {
        assert_eq!(fact(name, Shape::Integer).values, Values::Integer(vec![1]), "{name}");
    }
    assert_eq!(fact("app/last-feedback", Shape::Instant).values, Values::Instant(vec![110]));
    // A channel that was never used has counts of nothing, and no moment.
    for name in CHANNEL_FACTS {
        let absent = fact(&format!("sms/{name}"), Shape::Integer).absent;
        assert_eq!(absent.is_empty(), name != "last-feedback", "{name}");
    }
    assert_eq!(fact("app/colour", Shape::Integer).absent, [1]);
    assert_eq!(fact("app", Shape::Integer).absent, [1]);
}

#[test]
fn texts_stand_end_to_end() {
    let state = State::default();
    let texts = ["one", "", "drei", "四"].map(|value| fields([("value", text(value))]));
    let row = |fields| Source {
        at: NOW,
        label: "journey",
        event: Some(("step", fields)),
        state: &state,
        visit: None,
    };
    let none = Fields::EMPTY;
    let mut rows: Vec<Source<'_>> = texts.iter().map(row).collect();
    rows.insert(2, row(&none));
    let Column { absent, values } = column(&rows, Origin::Event, "value", Shape::Text);
    assert_eq!(absent, [0b100]);
    assert_eq!(values, Values::Text { text: "onedrei四".to_owned(), ends: vec![3, 3, 3, 7, 10] });
}

#[test]
fn the_bitmap_of_what_is_absent_has_a_bit_a_row() {
    let (with, none) = (fields([("value", Value::Integer(1))]), Fields::EMPTY);
    let state = State::default();
    let absent = |rows: usize, gone: &[usize], shape| {
        let rows: Vec<Source<'_>> = (0..rows)
            .map(|at| if gone.contains(&at) { &none } else { &with })
            .map(|fields| Source {
                at: NOW,
                label: "journey",
                event: Some(("step", fields)),
                state: &state,
                visit: None,
            })
            .collect();
        column(&rows, Origin::Event, "value", shape).absent
    };
    for shape in [Shape::Text, Shape::Integer, Shape::Number] {
        assert!(absent(20, &[], shape).is_empty());
        assert_eq!(absent(20, &[0], shape), [1, 0, 0]);
        assert_eq!(absent(20, &[7, 8, 19], shape), [0x80, 0x01, 0x08]);
        assert_eq!(absent(16, &[15], shape), [0, 0x80]);
        assert_eq!(absent(9, &[0, 1, 2, 3, 4, 5, 6, 7, 8], shape), [0xff, 1]);
    }
}

#[test]
fn a_column_that_the_question_does_not_ask_for_is_not_there() {
    let state = State::default();
    let row = Source { at: NOW, label: "journey", event: None, state: &state, visit: None };
    let asked = Questions::default().and(Question::Plan).and(Question::Judge);
    let all = [Origin::Event, Origin::Profile, Origin::Visit, Origin::Counter, Origin::Channel];
    let needs = all.map(|origin| Need { asked, ..need(origin, "app/sent", Shape::Integer) });
    let setup = Setup { needs: needs.into(), counters: Vec::new() };
    for question in [Question::Locate, Question::Stalled, Question::Render] {
        let batch = Batch::of(&[row; 3], &setup, question);
        assert_eq!(batch.at, [1_000; 3]);
        assert_eq!(batch.columns, [(); 5].map(|()| Column::default()), "in their places");
    }
    for question in [Question::Plan, Question::Judge] {
        let batch = Batch::of(&[row; 3], &setup, question);
        assert!(batch.columns.iter().all(|column| matches!(column.values, Values::Integer(_))));
    }
}
