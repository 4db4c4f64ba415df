//! One mail as it goes over the wire: headers and the two parts. The same attempt gives the same mail,
//! but for its date.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, MultiPartKind, SinglePart};
use ring::digest::{SHA256, digest};

use super::{html, words};
use crate::channel::{Dispatch, Outcome, Reason, link};

/// Characters of a subject.
const MOST_SUBJECT: usize = 200;
/// Characters of a subject that is the beginning of the text.
const MOST_BORROWED: usize = 70;
/// Bytes of a text.
const MOST_BODY: usize = 512 * 1024;
/// Bytes of a link in a header: a line has at most 998.
const MOST_HEADER_LINK: usize = 900;
/// Seconds since 1970: the last moment that a `Date` has room for.
const LAST: i64 = 253_402_300_799;

/// Writes a mail.
///
/// # Errors
///
/// If it is longer than mails are, or cannot be one.
pub(super) fn write(
    from: &Mailbox,
    reply_to: Option<&Mailbox>,
    to: &Address,
    dispatch: &Dispatch,
) -> Result<Vec<u8>, Outcome> {
    let content = &dispatch.outgoing.content;
    if content.body.len() > MOST_BODY {
        let detail = format!("{} bytes, and a mail has room for {MOST_BODY}", content.body.len());
        return Err(Outcome::failed(Reason::TooLong, detail));
    }
    let body = clean(&content.body);
    let title = one_line(&content.title);
    let long = title.chars().count();
    if long > MOST_SUBJECT {
        let detail = format!("a subject of {long} characters; it has room for {MOST_SUBJECT}");
        return Err(Outcome::failed(Reason::TooLong, detail));
    }
    let link = link::of(dispatch);
    let leave = dispatch.links.unsubscribe.as_deref().and_then(link::safe);
    let pixel = dispatch.links.open.as_deref().and_then(link::safe);
    let plain = plain(&dispatch.outgoing.locale, &body, link.as_deref(), leave.as_deref());
    let html = html::write(&html::Page {
        locale: &dispatch.outgoing.locale,
        title: &title,
        body: &body,
        link: link.as_deref(),
        leave: leave.as_deref(),
        pixel: pixel.as_deref(),
    });

    let tracking = token(&dispatch.outgoing.tracking);
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(subject(title, &body))
        .date(date(dispatch))
        .message_id(Some(format!("<{tracking}@{}>", from.email.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Nudge-Tracking", &tracking));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    if let Some(leave) = leave.filter(|leave| leave.len() <= MOST_HEADER_LINK) {
        builder = builder.raw_header(header("List-Unsubscribe", &format!("<{leave}>")));
        // One click is for https alone (RFC 8058).
        if leave.starts_with("https:") {
            let post = header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
            builder = builder.raw_header(post);
        }
    }
    let parts = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(boundary(&dispatch.outgoing.tracking))
        .singlepart(part(ContentType::TEXT_PLAIN, plain)?)
        .singlepart(part(ContentType::TEXT_HTML, html)?);
    let message = builder.multipart(parts).map_err(|_| unwritten())?;
    Ok(message.formatted())
}

fn unwritten() -> Outcome {
    Outcome::failed(Reason::Content, "the message cannot be written as a mail")
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A part that travels as short lines of ASCII, whatever the relay can do.
fn part(kind: ContentType, text: String) -> Result<SinglePart, Outcome> {
    let foreign = text.bytes().filter(|b| !b.is_ascii()).count();
    let encoding = if foreign > text.len() / 6 {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    let body = Body::new_with_encoding(text, encoding).map_err(|_| unwritten())?;
    Ok(SinglePart::builder().content_type(kind).body(body))
}

/// What parts the parts: `=_` stands in neither encoding of them.
fn boundary(tracking: &str) -> String {
    let hash = digest(&SHA256, tracking.as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("=_{hex}")
}

fn plain(locale: &str, body: &str, link: Option<&str>, leave: Option<&str>) -> String {
    let (open, unsubscribe) = words::words(locale);
    let mut text = body.trim().to_owned();
    for (word, link) in [(open, link), (unsubscribe, leave)] {
        if let Some(link) = link {
            text += if text.is_empty() { "" } else { "\n\n" };
            text += &format!("{word}: {link}");
        }
    }
    text + "\n"
}

fn date(dispatch: &Dispatch) -> SystemTime {
    let seconds = dispatch.at.0.div_euclid(1000).clamp(0, LAST);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

/// A tracking id as it may stand in a header.
fn token(tracking: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    tracking.chars().filter(plain).take(128).collect()
}

/// The title, or the beginning of the text. What looks like an encoded word is none.
fn subject(title: String, body: &str) -> String {
    let subject = if title.is_empty() {
        let first = body.lines().map(str::trim).find(|line| !line.is_empty());
        one_line(&first.unwrap_or_default().chars().take(MOST_BORROWED).collect::<String>())
    } else {
        title
    };
    if subject.contains("=?") && subject.contains("?=") {
        return subject.replace("=?", "= ?");
    }
    subject
}

/// Text on one line, for a header.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Text without what is no text: lines end in one character, and control characters are gone.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}
