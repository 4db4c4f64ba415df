//! Texts with placeholders such as `{{title}}`. Read once, filled for every attempt, each value escaped for the
//! place where it stands. A value is never read for placeholders itself.

mod escape;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use self::escape::Escape;
use super::{Dispatch, Reason, Secret, Trouble, Wrong};

/// Bytes that a filled template may have.
pub(crate) const MOST_FILLED: usize = 256 * 1024;

/// What placeholders may stand in a template beside those that every message fills.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names<'a> {
    /// The secrets.
    pub(crate) secrets: Option<&'a BTreeMap<String, Secret>>,
    /// There is an access token.
    pub(crate) token: bool,
    /// There is a signature.
    pub(crate) sign: bool,
}

/// What a template is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'a> {
    /// The attempt.
    pub(crate) dispatch: &'a Dispatch,
    /// The access token, if any.
    pub(crate) token: &'a str,
    /// The moment, as the signature has it.
    pub(crate) timestamp: &'a str,
    /// The signature, if any.
    pub(crate) sign: &'a str,
}

impl<'a> Filling<'a> {
    /// With nothing but the attempt.
    pub(crate) fn of(dispatch: &'a Dispatch) -> Filling<'a> {
        Filling { dispatch, token: "", timestamp: "", sign: "" }
    }
}

/// A text with placeholders.
#[derive(Clone, Default)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone)]
enum Part {
    Text(String),
    Slot { slot: Slot, filter: Option<Escape>, escape: Escape },
}

/// What a placeholder stands for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    Title,
    Body,
    Link,
    Address,
    User,
    Tracking,
    Message,
    Locale,
    Topic,
    Read,
    Unsubscribe,
    Feature(String),
    Secret(Secret),
    Token,
    Timestamp,
    Sign,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a placeholder that is not known or not closed.
    pub(crate) fn parse(text: &str, escape: Escape, names: Names<'_>) -> Result<Template, String> {
        let mut template = Template::default();
        template.read(text, escape, names, &mut |literal, out| out.push_str(literal))?;
        Ok(template)
    }

    /// Reads JSON whose strings are templates. Names of members are not.
    ///
    /// # Errors
    ///
    /// What is wrong with it, each with its place below `path`.
    pub(crate) fn json(
        value: &Value,
        path: &str,
        names: Names<'_>,
    ) -> Result<Template, Vec<Wrong>> {
        let mut template = Template::default();
        let mut wrongs = Vec::new();
        template.read_json(value, &mut path.to_owned(), names, &mut wrongs);
        if wrongs.is_empty() { Ok(template) } else { Err(wrongs) }
    }

    /// Fills it in.
    ///
    /// # Errors
    ///
    /// If it asks for an address and there is none, or what comes of it is too long.
    pub(crate) fn fill(&self, filling: &Filling<'_>, out: &mut String) -> Result<(), Trouble> {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot { slot, filter, escape } => {
                    let value = slot.value(filling)?;
                    match filter {
                        None => escape.write(&value, out),
                        // Markup that is asked for where it is the rule is no other. JSON in JSON is.
                        Some(Escape::Markup) if *escape == Escape::Markup => {
                            escape.write(&value, out);
                        }
                        Some(filter) => {
                            let mut filtered = String::with_capacity(value.len());
                            filter.write(&value, &mut filtered);
                            escape.write(&filtered, out);
                        }
                    }
                }
            }
            if out.len() > MOST_FILLED {
                return Err(Trouble::new(Reason::TooLong, "the request is too long"));
            }
        }
        Ok(())
    }

    /// What it says if that is the same for every attempt.
    pub(crate) fn fixed(&self) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot { slot: Slot::Secret(secret), filter: None, escape } => {
                    escape.write(secret.reveal(), &mut out);
                }
                Part::Slot { .. } => return None,
            }
        }
        Some(out)
    }

    /// What stands before the first placeholder.
    pub(crate) fn lead(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// True if it has such a placeholder.
    pub(crate) fn uses(&self, wanted: &Slot) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Slot { slot, .. } if slot == wanted))
    }

    /// Adds a text. What stands between placeholders goes through `literal`.
    fn read(
        &mut self,
        text: &str,
        escape: Escape,
        names: Names<'_>,
        literal: &mut dyn FnMut(&str, &mut String),
    ) -> Result<(), String> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) =
                after.split_once("}}").ok_or("a placeholder is not closed: `{{` without `}}`")?;
            self.text(|out| literal(before, out));
            let (filter, slot) = placeholder(inside, names)?;
            self.0.push(Part::Slot { slot, filter, escape });
            rest = after;
        }
        self.text(|out| literal(rest, out));
        Ok(())
    }

    /// Adds to the text at the end.
    fn text(&mut self, add: impl FnOnce(&mut String)) {
        if let Some(Part::Text(text)) = self.0.last_mut() {
            add(text);
            return;
        }
        let mut text = String::new();
        add(&mut text);
        if !text.is_empty() {
            self.0.push(Part::Text(text));
        }
    }

    fn read_json(
        &mut self,
        value: &Value,
        path: &mut String,
        names: Names<'_>,
        wrongs: &mut Vec<Wrong>,
    ) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.text(|out| out.push_str(&value.to_string()));
            }
            Value::String(text) => {
                self.text(|out| out.push('"'));
                let mut quoted = |literal: &str, out: &mut String| Escape::Json.write(literal, out);
                if let Err(message) = self.read(text, Escape::Json, names, &mut quoted) {
                    wrongs.push(Wrong::new(path.as_str(), message));
                }
                self.text(|out| out.push('"'));
            }
            Value::Array(items) => {
                self.text(|out| out.push('['));
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.text(|out| out.push(','));
                    }
                    self.below(item, path, &at.to_string(), names, wrongs);
                }
                self.text(|out| out.push(']'));
            }
            Value::Object(members) => {
                self.text(|out| out.push('{'));
                for (at, (name, item)) in members.iter().enumerate() {
                    self.text(|out| {
                        out.push_str(if at > 0 { ",\"" } else { "\"" });
                        Escape::Json.write(name, out);
                        out.push_str("\":");
                    });
                    if name.contains("{{") {
                        let message = "names of members hold no placeholders";
                        wrongs.push(Wrong::new(format!("{path}/{}", pointer(name)), message));
                    }
                    self.below(item, path, &pointer(name), names, wrongs);
                }
                self.text(|out| out.push('}'));
            }
        }
    }

    fn below(
        &mut self,
        item: &Value,
        path: &mut String,
        name: &str,
        names: Names<'_>,
        wrongs: &mut Vec<Wrong>,
    ) {
        let length = path.len();
        path.push('/');
        path.push_str(name);
        self.read_json(item, path, names, wrongs);
        path.truncate(length);
    }
}

/// A name as a JSON pointer writes it.
pub(crate) fn pointer(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Reads what stands between the braces: a name, with a filter before it or without.
fn placeholder(inside: &str, names: Names<'_>) -> Result<(Option<Escape>, Slot), String> {
    let mut words = inside.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    let shown: String = inside.trim().chars().take(40).collect();
    if words.next().is_some() {
        return Err(format!(
            "`{{{{{shown}}}}}` is no placeholder: write a name, or a filter and a name"
        ));
    }
    let (filter, name) = match second {
        None => (None, first),
        Some(name) => {
            let filter = match first {
                "html" => Escape::Markup,
                "json" => Escape::Json,
                "url" => Escape::Url,
                _ => {
                    return Err(format!(
                        "`{{{{{shown}}}}}` has no filter: it is html, json or url"
                    ));
                }
            };
            (Some(filter), name)
        }
    };
    let unknown = |why: &str| Err(format!("`{{{{{shown}}}}}` is not known here{why}"));
    let slot = match name {
        "title" => Slot::Title,
        "body" => Slot::Body,
        "link" => Slot::Link,
        "address" => Slot::Address,
        "user" => Slot::User,
        "tracking" => Slot::Tracking,
        "message" => Slot::Message,
        "locale" => Slot::Locale,
        "topic" => Slot::Topic,
        "read" => Slot::Read,
        "unsubscribe" => Slot::Unsubscribe,
        "timestamp" => Slot::Timestamp,
        "token" if names.token => Slot::Token,
        "token" => return unknown(": there is no `token` in the settings"),
        "sign" if names.sign => Slot::Sign,
        "sign" => return unknown(": there is no `sign` in the settings"),
        _ => match name.split_once('.') {
            Some(("feature", feature)) if !feature.is_empty() => Slot::Feature(feature.to_owned()),
            Some(("secret", secret)) => {
                match names.secrets.and_then(|secrets| secrets.get(secret)) {
                    Some(secret) => Slot::Secret(secret.clone()),
                    None => return unknown(": there is no such secret in the settings"),
                }
            }
            _ => return unknown(""),
        },
    };
    Ok((filter, slot))
}

impl Slot {
    fn value<'a>(&'a self, filling: &Filling<'a>) -> Result<Cow<'a, str>, Trouble> {
        let (outgoing, links) = (&filling.dispatch.outgoing, &filling.dispatch.links);
        let content = &outgoing.content;
        Ok(Cow::Borrowed(match self {
            Slot::Title => &content.title,
            Slot::Body => &content.body,
            Slot::Link => content.link.as_deref().unwrap_or_default(),
            Slot::Address => outgoing.address.as_deref().ok_or_else(|| {
                Trouble::new(Reason::NoAddress, "the user has no address on this channel")
            })?,
            Slot::User => &outgoing.user,
            Slot::Tracking => &outgoing.tracking,
            Slot::Message => &outgoing.message,
            Slot::Locale => &outgoing.locale,
            Slot::Topic => &outgoing.topic,
            // Where nobody can be led through the service, they are led straight.
            Slot::Read => links.read.as_deref().or(content.link.as_deref()).unwrap_or_default(),
            Slot::Unsubscribe => links.unsubscribe.as_deref().unwrap_or_default(),
            Slot::Feature(name) => {
                return Ok(match content.features.get(name) {
                    Some(crate::engine::event::Value::Text(text)) => Cow::Borrowed(text),
                    Some(other) => Cow::Owned(other.to_string()),
                    None => Cow::Borrowed(""),
                });
            }
            Slot::Secret(secret) => secret.reveal(),
            Slot::Token => filling.token,
            Slot::Timestamp => filling.timestamp,
            Slot::Sign => filling.sign,
        }))
    }
}
