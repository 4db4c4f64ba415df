//! What WeChat sends by itself: how a message fared, what a user writes, who leaves.

#[cfg(test)]
mod tests;

use quick_xml::Reader;
use quick_xml::events::Event;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use subtle::ConstantTimeEq as _;

use crate::channel::{About, Callback, Heard, Reason, Return, Secret, Shown, Trouble, Unheard};
use crate::engine::event::Grade;

/// How far the clock of a callback may be off, in milliseconds.
const MOST_AGE: u64 = 5 * 60 * 1000;
/// Bytes of a query.
const MOST_QUERY: usize = 4 * 1024;
/// Bytes of a body.
const MOST_BODY: usize = 64 * 1024;
/// Bytes of what is echoed.
const MOST_ECHO: usize = 256;

/// The parameters that every callback has.
#[derive(Default)]
struct Parameters {
    signature: String,
    timestamp: String,
    nonce: String,
    echo: String,
}

impl Parameters {
    fn read(query: &str) -> Option<Parameters> {
        if query.len() > MOST_QUERY {
            return None;
        }
        let url = reqwest::Url::parse(&format!("http://callback/?{query}")).ok()?;
        let mut read = Parameters::default();
        for (name, value) in url.query_pairs() {
            let kept = match &*name {
                "signature" => &mut read.signature,
                "timestamp" => &mut read.timestamp,
                "nonce" => &mut read.nonce,
                "echostr" => &mut read.echo,
                _ => continue,
            };
            *kept = value.into_owned();
        }
        Some(read)
    }
}

/// Reads a callback.
///
/// # Errors
///
/// If it is not WeChat's, or cannot be read.
pub(super) fn hear(token: &Secret, callback: &Callback<'_>) -> Result<Heard, Unheard> {
    let parameters = Parameters::read(callback.query).ok_or(Unheard::Forged)?;
    check(token, &parameters, callback)?;
    match callback.method {
        // Asked once, when the tenant sets the URL of callbacks.
        "GET" if parameters.echo.len() <= MOST_ECHO => Ok(Heard {
            returns: Vec::new(),
            answer: Some(("text/plain; charset=utf-8", parameters.echo)),
        }),
        "POST" => {
            let returns = Letter::read(callback.body)?.shown().into_iter().collect();
            Ok(Heard { returns, answer: Some(("text/plain; charset=utf-8", "success".to_owned())) })
        }
        _ => Err(Unheard::Unreadable("neither a question nor a report".to_owned())),
    }
}

fn check(token: &Secret, read: &Parameters, callback: &Callback<'_>) -> Result<(), Unheard> {
    let mut parts = [token.reveal(), &read.timestamp, &read.nonce];
    parts.sort_unstable();
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part.as_bytes());
    }
    let expected: String =
        context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let same: bool = expected.as_bytes().ct_eq(read.signature.as_bytes()).into();
    let at = read.timestamp.parse().ok().and_then(|seconds: i64| seconds.checked_mul(1000));
    let fresh = at.is_some_and(|at| at.abs_diff(callback.at.0) <= MOST_AGE);
    if same && fresh { Ok(()) } else { Err(Unheard::Forged) }
}

/// The members of a letter that say something.
#[derive(Debug, Default, PartialEq)]
struct Letter {
    from: String,
    kind: String,
    event: String,
    message: String,
    status: String,
    encrypted: bool,
}

fn unreadable(why: &str) -> Unheard {
    Unheard::Unreadable(why.to_owned())
}

impl Letter {
    /// Reads `<xml>` with texts in it, and nothing that XML can do beyond that.
    fn read(body: &[u8]) -> Result<Letter, Unheard> {
        if body.len() > MOST_BODY {
            return Err(unreadable("it is too long"));
        }
        let text = std::str::from_utf8(body).map_err(|_| unreadable("it is not UTF-8"))?;
        let mut reader = Reader::from_str(text);
        let mut letter = Letter::default();
        // How deep, and in which member of the root.
        let (mut depth, mut member, mut seen) = (0_usize, String::new(), false);
        loop {
            let event = reader.read_event().map_err(|_| unreadable("it is no XML"))?;
            match event {
                Event::Start(start) => {
                    depth = depth.saturating_add(1);
                    match depth {
                        1 if seen || start.name().into_inner() != "xml" => {
                            return Err(unreadable("its root is not `xml`"));
                        }
                        1 => seen = true,
                        2 => {
                            member = start.name().into_inner().to_owned();
                            letter.begin(&member);
                        }
                        _ => {}
                    }
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::Text(text) if depth == 2 => letter.add(&member, &text),
                Event::CData(text) if depth == 2 => letter.add(&member, &text),
                Event::GeneralRef(reference) => {
                    let c = character(&reference).ok_or_else(|| unreadable("it has entities"))?;
                    if depth == 2 {
                        letter.add(&member, c.encode_utf8(&mut [0; 4]));
                    }
                }
                Event::DocType(_) => return Err(unreadable("it has a document type")),
                Event::Eof if depth == 0 && seen => break,
                Event::Eof => return Err(unreadable("it is cut off")),
                _ => {}
            }
        }
        if letter.encrypted {
            return Err(unreadable("it is encrypted: choose plain mode for messages"));
        }
        Ok(letter)
    }

    fn slot(&mut self, member: &str) -> Option<&mut String> {
        match member {
            "FromUserName" => Some(&mut self.from),
            "MsgType" => Some(&mut self.kind),
            "Event" => Some(&mut self.event),
            "MsgID" => Some(&mut self.message),
            "Status" => Some(&mut self.status),
            _ => None,
        }
    }

    /// Of members that come twice the last one counts.
    fn begin(&mut self, member: &str) {
        self.encrypted |= member == "Encrypt";
        if let Some(slot) = self.slot(member) {
            slot.clear();
        }
    }

    fn add(&mut self, member: &str, text: &str) {
        if let Some(slot) = self.slot(member) {
            slot.push_str(text);
        }
    }

    /// What it shows.
    fn shown(&self) -> Option<Return> {
        let from = self.from.trim();
        let about_user = (!from.is_empty()).then(|| About::Address(from.into()));
        match (self.kind.trim(), self.event.trim()) {
            ("text", _) => {
                Some(Return { about: about_user?, shown: Shown::Grade(Grade::Confirmed) })
            }
            ("event", "unsubscribe") => Some(Return { about: about_user?, shown: Shown::OptedOut }),
            ("event", "subscribe") => Some(Return { about: about_user?, shown: Shown::OptedIn }),
            ("event", "TEMPLATESENDJOBFINISH") => {
                let message = self.message.trim();
                let about = (!message.is_empty()).then(|| About::Reference(message.into()))?;
                Some(Return { about, shown: fared(self.status.trim()) })
            }
            _ => None,
        }
    }
}

/// How a message fared.
fn fared(status: &str) -> Shown {
    // Written with a space after the colon and without.
    let (word, why) = status.split_once(':').unwrap_or((status, ""));
    match (word.trim(), why.trim()) {
        ("success", _) => Shown::Grade(Grade::Delivered),
        (_, "user block") => {
            Shown::Gone(Trouble::new(Reason::Unsubscribed, "the user has blocked the account"))
        }
        _ => Shown::Failed(Trouble::new(Reason::Provider, "the provider could not deliver it")),
    }
}

/// What a reference stands for: one of the five that XML has by itself, or a character by its number. Others
/// would have to be defined, and nothing is.
fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
