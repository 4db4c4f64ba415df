//! What a user has said about being messaged, by topic and by channel. Plain data and one rule: the most
//! specific word counts, and of two that are as specific a no.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A user's word on being messaged. Without a topic it is about all of them, without a channel about all
/// of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Arc<str>>,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Arc<str>>,
    /// Yes or no.
    pub allowed: bool,
}

/// Everything that a user has said about being messaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Consents(Vec<Consent>);

/// Words that are remembered of one user: far more than there are topics and channels.
const MOST: usize = 256;

impl Consents {
    /// True if the user has said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the user has said, in the order in which it was said.
    pub fn iter(&self) -> impl Iterator<Item = &Consent> {
        self.0.iter()
    }

    /// Takes the user's word. It does away with earlier words on what it covers: who says no to everything
    /// says no to each.
    pub(super) fn take(&mut self, word: Consent) {
        let covers =
            |own: &Option<Arc<str>>, other: &Option<Arc<str>>| own.is_none() || own == other;
        self.0.retain(|said| {
            !(covers(&word.topic, &said.topic) && covers(&word.channel, &said.channel))
        });
        if self.0.len() < MOST {
            self.0.push(word);
        }
    }

    /// Takes in what somebody has said who turned out to be the same user: it counts where this one has said
    /// nothing, and a no counts in any case.
    pub(super) fn absorb(&mut self, other: Consents) {
        for word in other.0 {
            let same =
                |said: &&mut Consent| said.topic == word.topic && said.channel == word.channel;
            if let Some(said) = self.0.iter_mut().find(same) {
                said.allowed &= word.allowed;
            } else if self.0.len() < MOST {
                self.0.push(word);
            }
        }
    }

    /// What the user has said about messages of this topic on this channel; none if nothing.
    #[must_use]
    pub fn says(&self, topic: &str, channel: &str) -> Option<bool> {
        let about = |said: &Consent| {
            said.topic.as_deref().is_none_or(|own| own == topic)
                && said.channel.as_deref().is_none_or(|own| own == channel)
        };
        let weight =
            |said: &Consent| u8::from(said.topic.is_some()) + u8::from(said.channel.is_some());
        let words = || self.0.iter().filter(|said| about(said));
        let heaviest = words().map(weight).max()?;
        Some(words().filter(|said| weight(said) == heaviest).all(|said| said.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(topic: &str, channel: &str, allowed: bool) -> Consent {
        let named = |name: &str| (!name.is_empty()).then(|| Arc::from(name));
        Consent { topic: named(topic), channel: named(channel), allowed }
    }

    fn said(words: &[(&str, &str, bool)]) -> Consents {
        let mut consents = Consents::default();
        words.iter().for_each(|(t, c, a)| consents.take(word(t, c, *a)));
        consents
    }

    #[test]
    fn the_most_specific_word_counts() {
        let consents = said(&[("", "", false), ("offers", "", true), ("offers", "sms", false)]);
        assert_eq!(consents.says("offers", "email"), Some(true));
        assert_eq!(consents.says("offers", "sms"), Some(false));
        assert_eq!(consents.says("news", "sms"), Some(false));
        assert_eq!(said(&[]).says("offers", "sms"), None);
        assert_eq!(said(&[("news", "", false)]).says("offers", "sms"), None);
    }

    #[test]
    fn of_two_words_as_specific_the_no_counts() {
        let consents = said(&[("offers", "", true), ("", "sms", false)]);
        assert_eq!(consents.says("offers", "sms"), Some(false));
        assert_eq!(consents.says("offers", "email"), Some(true));
        assert_eq!(consents.says("news", "email"), None);
    }

    #[test]
    fn a_later_word_does_away_with_what_it_covers() {
        let mut consents = said(&[("offers", "sms", true), ("news", "email", true)]);
        consents.take(word("", "", false));
        assert_eq!(consents.says("offers", "sms"), Some(false));
        assert_eq!(consents.iter().count(), 1);
        consents.take(word("offers", "", true));
        assert_eq!(consents.says("offers", "sms"), Some(true));
        consents.take(word("", "sms", false));
        assert_eq!(consents.says("offers", "sms"), Some(false));
        assert_eq!(consents.says("offers", "email"), Some(true));
    }

    #[test]
    fn of_two_who_are_one_the_no_counts() {
        let mut one = said(&[("offers", "", true)]);
        one.absorb(said(&[("offers", "", false), ("", "sms", true)]));
        assert_eq!(one.says("offers", "email"), Some(false));
        assert_eq!(one.says("news", "sms"), Some(true));
    }

    #[test]
    fn words_are_bounded() {
        let mut consents = Consents::default();
        (0..10_000).for_each(|n| consents.take(word(&n.to_string(), "", false)));
        assert_eq!(consents.iter().count(), MOST);
        consents.take(word("", "", false));
        assert_eq!(consents.says("9999", "sms"), Some(false));
    }
}
