//! What answers mean, by the tenant's rules.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::channel::template::{Escape, Filling};
use crate::channel::wire::Answer;
use crate::channel::{Outcome, Reason, Secret, Trouble};

/// When an answer means something: its status is one of these, if any are named, and the value at the path is
/// one of those, if there is a path.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) status: Vec<u16>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) equals: Vec<Value>,
}

impl Rule {
    fn holds(&self, status: u16, json: Option<&Value>) -> bool {
        let status_fits = self.status.is_empty() || self.status.contains(&status);
        status_fits
            && self.path.as_ref().is_none_or(|path| {
                json.and_then(|json| json.pointer(path)).is_some_and(|v| self.equals.contains(v))
            })
    }
}

/// How answers are read.
#[derive(Debug)]
pub(super) struct Reading {
    /// What means that it was taken; if nothing is said, the status alone.
    pub(super) ok: Option<Rule>,
    /// What means something else, in the order in which it is looked at.
    pub(super) rules: Vec<(Rule, Meaning)>,
    /// Where the provider's name for the message stands.
    pub(super) reference: Option<String>,
    /// Where the provider says in words what is wrong.
    pub(super) detail: Option<String>,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// Taken.
    Ok(Option<Arc<str>>),
    /// The access token does not hold.
    Refused,
    /// There is nobody at the address.
    Gone,
    /// The user wants nothing.
    Unsubscribed,
    /// The provider does not let the tenant.
    Denied,
    /// Less at once, or later.
    Retry,
    /// What the status says.
    Status,
    /// It should say more than it does.
    Unreadable,
    /// None of the above.
    Rejected,
}

/// Characters of a reference.
const MOST_REFERENCE: usize = 200;

impl Reading {
    /// What an answer means, and what it says of it. The words may hold anything.
    pub(super) fn read(&self, answer: &Answer) -> (Meaning, String) {
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let json = json.as_ref();
        let meaning = self.meaning(answer.status, json);
        let words = if matches!(meaning, Meaning::Ok(_)) {
            String::new()
        } else {
            self.words(answer.status, json)
        };
        (meaning, words)
    }

    fn meaning(&self, status: u16, json: Option<&Value>) -> Meaning {
        if let Some((_, meaning)) = self.rules.iter().find(|(rule, _)| rule.holds(status, json)) {
            return meaning.clone();
        }
        let good = (200..300).contains(&status);
        match &self.ok {
            Some(ok) if ok.status.contains(&status) || (ok.status.is_empty() && good) => {
                if ok.holds(status, json) {
                    Meaning::Ok(self.reference(json))
                } else if json.is_none() {
                    Meaning::Unreadable
                } else {
                    Meaning::Rejected
                }
            }
            None if good => Meaning::Ok(self.reference(json)),
            Some(_) if good => Meaning::Rejected,
            _ => Meaning::Status,
        }
    }

    fn reference(&self, json: Option<&Value>) -> Option<Arc<str>> {
        let text = match json?.pointer(self.reference.as_ref()?)? {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(number) => Cow::Owned(number.to_string()),
            _ => return None,
        };
        (!text.is_empty() && text.len() <= MOST_REFERENCE).then(|| Arc::from(text.as_ref()))
    }

    /// The status, what the rules look at, and the provider's own words.
    fn words(&self, status: u16, json: Option<&Value>) -> String {
        let mut words = format!("the provider answered {status}");
        let at = |path: &Option<String>| {
            let value = json?.pointer(path.as_ref()?)?;
            match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                _ => None,
            }
        };
        let code = self.ok.as_ref().and_then(|ok| at(&ok.path));
        for part in [code, at(&self.detail)].into_iter().flatten() {
            words.push_str(": ");
            words.push_str(&part);
        }
        words
    }
}

impl Meaning {
    /// What becomes of the attempt.
    pub(super) fn outcome(self, answer: &Answer, words: String) -> Outcome {
        let after = answer.retry_after;
        let later = |reason, words| Outcome::Later { trouble: Trouble::new(reason, words), after };
        match self {
            Meaning::Ok(reference) => Outcome::Accepted { reference },
            Meaning::Gone => Outcome::gone(Reason::InvalidAddress, words),
            Meaning::Unsubscribed => Outcome::gone(Reason::Unsubscribed, words),
            Meaning::Refused | Meaning::Denied => later(Reason::Credentials, words),
            Meaning::Retry => later(Reason::Throttled, words),
            Meaning::Unreadable => later(Reason::Provider, "the answer cannot be read".to_owned()),
            Meaning::Rejected => Outcome::failed(Reason::Rejected, words),
            Meaning::Status => match answer.outcome() {
                Outcome::Later { trouble, after } => {
                    Outcome::Later { trouble: Trouble::new(trouble.reason, words), after }
                }
                Outcome::Failed(trouble) if answer.status >= 400 => {
                    Outcome::failed(trouble.reason, words)
                }
                other => other,
            },
        }
    }
}

/// Words of a provider without what a reader of logs must not see: secrets, the address, what the message says.
/// A provider may echo any of it.
pub(super) fn masked(words: &str, filling: &Filling<'_>, secrets: &[Secret]) -> String {
    let outgoing = &filling.dispatch.outgoing;
    let content = &outgoing.content;
    let mut hidden: Vec<Cow<'_, str>> = secrets.iter().map(|s| s.reveal().into()).collect();
    hidden.extend([filling.token, filling.sign].map(Cow::from));
    hidden.extend(outgoing.address.as_deref().map(Cow::from));
    let links = &filling.dispatch.links;
    let said = [Some(&*outgoing.user), Some(&content.title), Some(&content.body)]
        .into_iter()
        .chain([&content.link, &links.read, &links.unsubscribe].map(|link| link.as_deref()))
        .flatten()
        .map(Cow::from)
        .chain(content.features.iter().map(|(_, value)| Cow::from(value.to_string())));
    // Short ones would blot out half of the words, and tell nothing.
    hidden.extend(said.filter(|text| text.chars().count() > 3));
    let mut forms: Vec<String> = Vec::new();
    for text in hidden.iter().filter(|text| !text.is_empty()) {
        forms.push(text.clone().into_owned());
        for escape in [Escape::Url, Escape::Form, Escape::Json, Escape::Markup] {
            let mut form = String::new();
            escape.write(text, &mut form);
            forms.push(form);
        }
    }
    // The longest first: one may be a part of another.
    forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    let mut words = words.to_owned();
    for form in forms {
        if words.contains(&form) {
            words = words.replace(&form, "…");
        }
    }
    words
}
