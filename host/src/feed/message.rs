//! Messages of a queue, understood: whose they are by their subject, and what they say by their lines. Pure.

use crate::ingest::live::{Item, Received, Refused, history, id_of};

/// What stands for the tenant in the pattern of subjects.
const TENANT: &str = "{tenant}";
/// The longest reason, in characters.
const SHOWN: usize = 200;

/// Which subjects are read, and where in them the tenant's name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subjects {
    /// What the server is asked for.
    pub(super) filter: String,
    place: usize,
}

impl Subjects {
    /// Those of a pattern, which was checked.
    pub(super) fn of(pattern: &str) -> Subjects {
        let place = pattern.split('.').position(|token| token == TENANT).unwrap_or(usize::MAX);
        Subjects { filter: pattern.replace(TENANT, "*"), place }
    }

    /// The tenant of a message of this subject.
    pub(super) fn tenant<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.split('.').nth(self.place)
    }
}

/// What a message says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Message {
    pub(super) items: Vec<Item>,
    /// Lines that make no sense, from 1 on, each with the reason.
    pub(super) refused: Vec<(u64, String)>,
}

/// Reads a message: a call or a row as JSON, or such ones line by line. What has no id of its own is known by
/// where it is: `stream` and `sequence`.
pub(super) fn read(payload: &[u8], stream: &str, sequence: u64, received: &Received) -> Message {
    let payload = payload.trim_ascii();
    let mut message = Message::default();
    if !payload.contains(&b'\n') {
        message.add(1, history::fresh(payload, received), stream, sequence);
        return message;
    }
    // One object may stand in several lines, too.
    if let Ok(item) = history::fresh(payload, received) {
        message.add(1, Ok(item), stream, sequence);
        return message;
    }
    for (line, bytes) in (1..).zip(payload.split(|byte| *byte == b'\n')) {
        let bytes = bytes.trim_ascii();
        if !bytes.is_empty() {
            message.add(line, history::fresh(bytes, received), stream, sequence);
        }
    }
    message
}

impl Message {
    fn add(&mut self, line: u64, item: Result<Item, Refused>, stream: &str, sequence: u64) {
        match item {
            Ok(mut item) => {
                let own = || id_of(stream, &format!("{sequence}:{line}"));
                item.id = Some(item.id.unwrap_or_else(own));
                self.items.push(item);
            }
            Err(refused) => {
                let reason: String = refused.to_string().chars().take(SHOWN).collect();
                self.refused.push((line, reason));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Instant, What};
    use crate::ingest::live::{Deed, Limits};

    const NOW: Received = Received {
        now: Instant(1_790_000_000_000),
        limits: Limits { item_bytes: 1 << 10, items: 1, body_bytes: 1, future: None },
    };

    fn of(payload: &str) -> Message {
        read(payload.as_bytes(), "s", 7, &NOW)
    }

    fn names(message: &Message) -> Vec<String> {
        let name = |item: &Item| match &item.deed {
            Deed::Happened(deeds) => match deeds.as_slice() {
                [What::Operation { name, .. }] => name.to_string(),
                other => format!("{other:?}"),
            },
            other @ Deed::Alias { .. } => format!("{other:?}"),
        };
        message.items.iter().map(name).collect()
    }

    #[test]
    fn b1_the_tenant_is_a_token_of_the_subject() {
        let subjects = Subjects::of("nudge.events.{tenant}");
        assert_eq!(subjects.filter, "nudge.events.*");
        assert_eq!(subjects.tenant("nudge.events.shop"), Some("shop"));
        assert_eq!(subjects.tenant("nudge.events"), None);
        let subjects = Subjects::of("{tenant}.*.>");
        assert_eq!(
            (subjects.filter.as_str(), subjects.tenant("shop.a.b.c")),
            ("*.*.>", Some("shop"))
        );
    }

    #[test]
    fn b1_a_message_is_a_call_or_a_row_or_lines_of_both() {
        let call = r#"{"type":"track","userId":"ada","event":"go","properties":{"a":1}}"#;
        let row = r#"{"user":"ada","event":"went","time":"2026-03-02T10:00:00Z"}"#;
        assert_eq!(names(&of(call)), ["go"]);
        let fresh = &of(r#"{"user":"ada","event":"now"}"#).items;
        assert_eq!(fresh[0].at, NOW.now, "without a time it is as old as the message");
        let lines = of(&format!("{call}\n\n{row}\r\n{call}\n"));
        assert_eq!(names(&lines), ["go", "went", "go"]);
        assert_eq!(lines.items[1].at, Instant(1_772_445_600_000));
        let spread = "{\n  \"user\": \"ada\",\n  \"event\": \"go\"\n}\n";
        assert_eq!(names(&of(spread)), ["go"]);
    }

    #[test]
    fn b1_what_is_delivered_again_has_the_same_id_and_nothing_else_has() {
        let two = "{\"user\":\"ada\",\"event\":\"a\"}\n{\"user\":\"ada\",\"event\":\"a\"}";
        let ids = |stream: &str, sequence| {
            let message = read(two.as_bytes(), stream, sequence, &NOW);
            message.items.iter().map(|item| item.id.unwrap().0).collect::<Vec<_>>()
        };
        assert_eq!(ids("s", 7), ids("s", 7));
        let mut all = [ids("s", 7), ids("s", 8), ids("t", 7)].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
        let own = r#"{"type":"track","userId":"ada","event":"go","messageId":"m"}"#;
        let id = of(own).items[0].id;
        assert_eq!(id, Some(id_of("segment", "m")), "the same as when it is sent over HTTP");
    }

    #[test]
    fn b1_a_line_that_makes_no_sense_spoils_no_other() {
        let good = r#"{"user":"ada","event":"go"}"#;
        let long = format!(r#"{{"user":"ada","event":"{}"}}"#, "x".repeat(2_000));
        let message = of(&format!("{good}\nnonsense\n[1]\n{{\"user\":\"ada\"}}\n{long}\n{good}"));
        assert_eq!(names(&message), ["go", "go"]);
        let lines: Vec<u64> = message.refused.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(message.refused[2].1.contains("/node"), "{:?}", message.refused);
        for payload in ["", "\n", "\u{0}", "{", "null"] {
            let message = of(payload);
            assert!(message.items.is_empty(), "{payload:?}");
            assert!(message.refused.iter().all(|(_, reason)| reason.chars().count() <= SHOWN));
        }
        assert_eq!(read(b"\xff\xfe", "s", 1, &NOW).refused.len(), 1);
    }
}
