//! Text: the same string kept once, and foreign text made fit to be shown.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// How many characters of a value are shown.
const SHOWN: usize = 40;
/// The longest text that is worth sharing, in bytes.
const SHARED: usize = 128;

/// Gives the same `Arc` for the same text, mostly, in bounded room: each text has one slot, which
/// it takes over from whichever text was there before.
pub(super) struct Shared {
    slots: Vec<Option<Arc<str>>>,
}

impl Shared {
    /// Room for `slots` texts.
    pub(super) fn new(slots: usize) -> Shared {
        Shared { slots: vec![None; slots] }
    }

    /// `text`, shared if it has been asked for lately.
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > SHARED {
            return text.into();
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let count = self.slots.len().max(1) as u64;
        // The remainder is less than a length, so it is a place.
        let Some(slot) = self.slots.get_mut((hasher.finish() % count) as usize) else {
            return text.into();
        };
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }
}

/// `text` with whatever does not print, or would upset a terminal, written as an escape.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The beginning of `text`, printable and in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text, SHOWN))
}

/// The first `most` characters of `text`, printable, with a sign if that is not all.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => printable(text),
        Some((end, _)) => printable(text.get(..end).unwrap_or_default()) + "…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_kept_once() {
        let mut shared = Shared::new(16);
        let one = shared.get("a");
        assert!(Arc::ptr_eq(&one, &shared.get("a")));
        assert_eq!(&*shared.get("b"), "b");
    }

    #[test]
    fn room_is_bounded_and_nothing_is_mixed_up() {
        let mut shared = Shared::new(4);
        for n in 0..1000 {
            assert_eq!(*shared.get(&n.to_string()), n.to_string());
        }
        assert_eq!(shared.slots.len(), 4);
        assert_eq!(&*Shared::new(0).get("a"), "a");
        let long = "x".repeat(SHARED + 1);
        assert!(!Arc::ptr_eq(&shared.get(&long), &shared.get(&long)));
    }

    #[test]
    fn what_is_shown_is_short_and_tame() {
        assert_eq!(quoted("a\u{1b}[31m\n"), r#""a\u{1b}[31m\n""#);
        assert_eq!(quoted("say \"é\""), "\"say \"é\"\"");
        assert_eq!(quoted("\u{202e}x"), "\"\\u{202e}x\"");
        assert_eq!(quoted(&"é".repeat(40)), format!("\"{}\"", "é".repeat(40)));
        assert_eq!(quoted(&"é".repeat(41)), format!("\"{}…\"", "é".repeat(40)));
    }
}
