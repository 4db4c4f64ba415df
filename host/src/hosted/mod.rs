//! The pages that recipients see: from plain data to HTML. They need no script, work on any phone, and show
//! nothing but what they are handed, escaped. Pure: touches nothing.

mod form;
mod html;
mod style;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use form::{ALLOWED, ASKED, EVERYTHING, OFF, ONE_CLICK, UNDO, cell};
use html::{Inside, Text, action, filled, link, page};
use text::Texts;

pub use form::{Choice, Unreadable, chosen, is_one_click, is_undo};
pub use style::headers;
pub use text::Language;

/// What somebody may choose, and what they chose.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    /// Who sends.
    pub sender: String,
    /// What there is, in this order.
    pub topics: Vec<Topic>,
    /// Names of the channels that it may come by, in this order.
    pub channels: Vec<String>,
    /// Topics by key, with the channels on which they are wanted.
    pub allowed: BTreeSet<(String, String)>,
    /// When nothing is sent, if that is so.
    pub quiet: Option<QuietHours>,
    /// True right after a choice was saved.
    pub saved: bool,
    /// Where the choice is sent: a path or URL of the same origin; empty: the page itself.
    pub action: String,
}

/// What messages can be about.
#[derive(Clone, Debug, Default)]
pub struct Topic {
    /// By what it is known.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// True if it is always sent, and so cannot be chosen.
    pub required: bool,
}

/// When nothing is sent, as texts.
#[derive(Clone, Debug, Default)]
pub struct QuietHours {
    /// Since when.
    pub from: String,
    /// Until when.
    pub to: String,
    /// In which time zone.
    pub zone: String,
}

/// What an unsubscription is about.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// Who sends.
    pub sender: String,
    /// The topic's title; nothing: all topics.
    pub topic: Option<String>,
    /// The channel's name; nothing: every channel.
    pub channel: Option<String>,
}

/// An unsubscription that is offered.
#[derive(Clone, Debug, Default)]
pub struct Unsubscribe {
    /// What it is about.
    pub about: Subscription,
    /// Where it is sent: a path or URL of the same origin; empty: the page itself.
    pub action: String,
    /// Where the preferences are.
    pub preferences: Option<String>,
}

/// An unsubscription that was made.
#[derive(Clone, Debug, Default)]
pub struct Unsubscribed {
    /// What it was about.
    pub about: Subscription,
    /// Where it is taken back, if it can be: a path or URL of the same origin; empty: the page itself.
    pub undo: Option<String>,
    /// Where the preferences are.
    pub preferences: Option<String>,
}

/// A message to be read.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Who sends.
    pub sender: String,
    /// Its title.
    pub title: String,
    /// Its text, plain.
    pub text: String,
    /// Where it leads: a web page.
    pub link: Option<String>,
    /// True once the user said that it was read.
    pub done: bool,
    /// Where that is said: a path or URL of the same origin; empty: the page itself.
    pub action: String,
}

/// The page on which somebody chooses what they receive. Its form says what [`Choice::of`] reads.
#[must_use]
pub fn preferences(shown: &Preferences, language: Language) -> String {
    let texts = language.texts();
    let mut body = heading(texts.preferences_heading, &shown.sender);
    let _ = writeln!(body, "<p class=\"lead\">{}</p>", texts.preferences_intro);
    if shown.saved {
        let _ = writeln!(body, "<p class=\"note good\" role=\"status\">{}</p>", texts.saved);
    }
    let choosable = shown.topics.iter().any(|topic| !topic.required) && !shown.channels.is_empty();
    if choosable {
        let _ = writeln!(body, "<form method=\"post\"{}>", action(&shown.action));
    } else {
        let _ = writeln!(body, "<p class=\"note\">{}</p>", texts.no_topics);
    }
    for topic in &shown.topics {
        body.push_str(&if topic.required || !choosable {
            let note = if topic.required { texts.always } else { "" };
            required(topic, note)
        } else {
            choice(shown, topic, language)
        });
    }
    if let Some(hours) = &shown.quiet {
        let (from, to, zone) = (Inside(&hours.from), Inside(&hours.to), Inside(&hours.zone));
        let quiet = filled(texts.quiet, &[("from", &from), ("to", &to), ("zone", &zone)]);
        let _ = writeln!(body, "<p class=\"note\">{quiet}</p>");
    }
    if choosable {
        let save = texts.save;
        let _ = writeln!(
            body,
            "<div class=\"save\"><button type=\"submit\">{save}</button></div>\n</form>"
        );
        body.push_str(&everything(shown, texts));
    }
    page(language, texts.preferences_title, Some(&shown.sender), &body)
}

/// The page that asks whether to unsubscribe: one button, which posts what a mail program would (RFC 8058).
#[must_use]
pub fn unsubscribe(shown: &Unsubscribe, language: Language) -> String {
    let texts = language.texts();
    let mut body = heading(texts.unsubscribe_heading, &shown.about.sender);
    let _ = writeln!(body, "<p class=\"lead\">{}</p>", texts.unsubscribe_intro);
    body.push_str(&about(&shown.about, language));
    body.push_str(&button(&shown.action, ONE_CLICK, "", texts.unsubscribe_button));
    if let Some(url) = &shown.preferences {
        body.push_str(&link("button second", url, texts.choose));
    }
    page(language, texts.unsubscribe_title, Some(&shown.about.sender), &body)
}

/// The page that says that somebody is unsubscribed. Its form says what [`is_undo`] reads.
#[must_use]
pub fn unsubscribed(shown: &Unsubscribed, language: Language) -> String {
    let texts = language.texts();
    let mut body = heading(texts.unsubscribed_heading, &shown.about.sender);
    let _ = writeln!(body, "<p class=\"lead\" role=\"status\">{}</p>", texts.unsubscribed_intro);
    body.push_str(&about(&shown.about, language));
    if let Some(url) = &shown.preferences {
        body.push_str(&link("button", url, texts.choose));
    }
    if let Some(url) = &shown.undo {
        body.push_str(&button(url, UNDO, "second", texts.undo));
    }
    page(language, texts.unsubscribed_title, Some(&shown.about.sender), &body)
}

/// The page that shows a message and asks whether it was read, or says thanks for it.
#[must_use]
pub fn read(shown: &Message, language: Language) -> String {
    let texts = language.texts();
    let open = shown.link.as_deref();
    if shown.done {
        let mut body = heading(texts.thanks_heading, &shown.sender);
        let thanks = filled(texts.thanks, &[("sender", &Inside(&shown.sender))]);
        let _ = writeln!(body, "<p class=\"note good\" role=\"status\">{thanks}</p>");
        body.push_str(&open.map(|url| link("button", url, texts.open)).unwrap_or_default());
        return page(language, texts.thanks_title, Some(&shown.sender), &body);
    }
    let mut body = format!(
        "<article>\n<h1 dir=\"auto\">{}</h1>\n<p class=\"text\" dir=\"auto\">{}</p>\n</article>\n",
        Text(&shown.title),
        Text(&shown.text)
    );
    body.push_str(&button(&shown.action, ("read", "1"), "", texts.read_button));
    body.push_str(&open.map(|url| link("button second", url, texts.open)).unwrap_or_default());
    page(language, &shown.title, Some(&shown.sender), &body)
}

/// The page for a link that is too old or none. It is the same for all, and so says nothing about anybody.
#[must_use]
pub fn unknown(language: Language) -> String {
    let texts = language.texts();
    let body =
        format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", texts.unknown_heading, texts.unknown);
    page(language, texts.unknown_title, None, &body)
}

fn heading(sentence: &str, sender: &str) -> String {
    format!("<h1>{}</h1>\n", filled(sentence, &[("sender", &Inside(sender))]))
}

/// A topic that cannot be chosen.
fn required(topic: &Topic, note: &str) -> String {
    let title = Text(&topic.title);
    format!("<section class=\"topic\">\n<h2 dir=\"auto\">{title}</h2>\n<p>{note}</p>\n</section>\n")
}

/// A topic, to be chosen for each channel. The page says what it asks: what is not ticked is not sent.
fn choice(shown: &Preferences, topic: &Topic, language: Language) -> String {
    let title = Text(&topic.title);
    let mut html =
        format!("<fieldset>\n<legend dir=\"auto\">{title}</legend>\n<div class=\"ways\">\n");
    for channel in &shown.channels {
        let wanted = shown.allowed.contains(&(topic.key.clone(), channel.clone()));
        let checked = if wanted { " checked" } else { "" };
        let cell = cell(&topic.key, channel);
        let called = Text(language.channel(channel).unwrap_or(channel));
        let _ = writeln!(
            html,
            "<input type=\"hidden\" name=\"{ASKED}\" value=\"{cell}\">\
             <label class=\"way\"><input type=\"checkbox\" name=\"{ALLOWED}\" value=\"{cell}\" \
             autocomplete=\"off\"{checked}><span dir=\"auto\">{called}</span></label>"
        );
    }
    html.push_str("</div>\n</fieldset>\n");
    html
}

/// The way out.
fn everything(shown: &Preferences, texts: &Texts) -> String {
    let some_required = shown.topics.iter().any(|topic| topic.required);
    let what = if some_required { texts.everything_required } else { texts.everything };
    let button = button(&shown.action, (EVERYTHING, OFF), "second", texts.everything_button);
    format!(
        "<section class=\"rest\">\n<h2>{}</h2>\n<p>{what}</p>\n{button}</section>\n",
        texts.everything_heading
    )
}

/// What an unsubscription is about.
fn about(about: &Subscription, language: Language) -> String {
    let texts = language.texts();
    let topic = about.topic.as_deref().unwrap_or(texts.every_topic);
    let channel = about.channel.as_deref().unwrap_or(texts.every_channel);
    let channel = language.channel(channel).unwrap_or(channel);
    let mut html = "<dl class=\"about\">\n".to_owned();
    let rows = [(texts.topic, topic), (texts.channel, channel), (texts.sender, &about.sender)];
    for (name, value) in rows {
        let value = Text(value);
        let _ = writeln!(html, "<div><dt>{name}</dt><dd dir=\"auto\">{value}</dd></div>");
    }
    html.push_str("</dl>\n");
    html
}

/// A form of one button, which posts one field.
fn button(url: &str, (name, value): (&str, &str), class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!(
        "<form method=\"post\"{}><input type=\"hidden\" name=\"{name}\" value=\"{value}\">\
         <button type=\"submit\"{class}>{text}</button></form>\n",
        action(url)
    )
}
