//! Whether a value is one that its key may have. Pure: a value in, the value as it is kept or a reason out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml_edit::Value;

use super::error::{plain, quoted};
use super::known::Kind;
use super::layers::Raw;
use super::units::{bytes_text, parse_bytes, parse_count, parse_span, span_text};

/// The value as it is kept, or what is wrong with it.
pub(super) fn check(kind: &Kind, raw: &Raw) -> Result<Value, String> {
    match kind {
        Kind::Path => path(raw),
        Kind::PathOrNone => match text(raw) {
            Some("") => Ok("".into()),
            _ => path(raw),
        },
        Kind::Spans => spans(raw),
        Kind::Networks => networks(raw),
        Kind::Servers => servers(raw),
        Kind::Subject => subject(raw),
        Kind::Name => name(raw),
        Kind::Address => address(raw),
        Kind::AddressOrNone => match text(raw) {
            Some("") => Ok("".into()),
            _ => address(raw),
        },
        Kind::Domain => domain(raw),
        Kind::Url => url(raw),
        Kind::Word(words) => word(raw, words),
        Kind::Count { least, most, why } => count(raw, *least, *most, why),
        Kind::Bytes { least, most, why } => bytes(raw, *least, *most, why),
        Kind::Span { least, most, why } => span(raw, *least, *most, why),
    }
}

/// The text that a value is, whatever it should be.
fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Text(text) => Some(text.trim()),
        Raw::Toml(value) => value.as_str().map(str::trim),
    }
}

/// The value as it was written, more or less.
fn shown(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => quoted(text),
        Raw::Toml(Value::String(text)) => quoted(text.value()),
        Raw::Toml(value) => plain(value.to_string().trim(), 60),
    }
}

fn path(raw: &Raw) -> Result<Value, String> {
    let path = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    if path.is_empty() {
        return Err("there must be a path".to_owned());
    }
    // What was not UTF-8 has been replaced on the way: it would be another directory.
    if path.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(format!("{} has characters that are none", shown(raw)));
    }
    Ok(path.into())
}

fn address(raw: &Raw) -> Result<Value, String> {
    let text = text(raw).filter(|text| text.parse::<SocketAddr>().is_ok());
    text.map(Value::from).ok_or_else(|| {
        format!(
            "{} is no IP address with a port, like \"127.0.0.1:8080\" or \"[::]:8080\"",
            shown(raw)
        )
    })
}

fn domain(raw: &Raw) -> Result<Value, String> {
    let name = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?.to_ascii_lowercase();
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.is_empty() || (name.len() <= 190 && name.split('.').all(label)) {
        return Ok(name.into());
    }
    Err(format!("{} is no name of a host, like \"mail.example.com\"", shown(raw)))
}

fn url(raw: &Raw) -> Result<Value, String> {
    let url = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    let url = url.trim_end_matches('/');
    if url.is_empty() {
        return Ok("".into());
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if authority.contains('@') {
        // Not repeated: it may be a password.
        return Err("a name or password has no place in it, everybody sees it".to_owned());
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(format!(
            "{} is no address on the web, like \"https://nudge.example.com\"",
            shown(raw)
        ));
    }
    if url.chars().any(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '"' | '<' | '>' | '\\'))
    {
        return Err(format!("{} is more than scheme, host and path, in ASCII", shown(raw)));
    }
    Ok(url.into())
}

fn word(raw: &Raw, words: &[&'static str]) -> Result<Value, String> {
    let found =
        text(raw).and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text)));
    found.map(|word| Value::from(*word)).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        format!("{} is none of {}", shown(raw), words.join(", "))
    })
}

fn count(raw: &Raw, least: u64, most: u64, why: &str) -> Result<Value, String> {
    let number = match raw {
        Raw::Toml(value) => value.as_integer().map(i128::from),
        Raw::Text(text) => match text.trim().strip_prefix('-') {
            Some(digits) => parse_count(digits).map(|number| -i128::from(number)),
            None => parse_count(text).map(i128::from),
        },
    };
    let Some(number) = number else {
        let bare =
            matches!(raw, Raw::Toml(Value::String(text)) if parse_count(text.value()).is_some());
        let hint = if bare { ": write it without quotation marks" } else { "" };
        return Err(format!("{} is not a whole number{hint}", shown(raw)));
    };
    within(raw, number, (i128::from(least), i128::from(most)), why, |bound| bound.to_string())?;
    i64::try_from(number).map(Value::from).map_err(|_| format!("{} is too much", shown(raw)))
}

fn bytes(raw: &Raw, least: u64, most: u64, why: &str) -> Result<Value, String> {
    let (number, value) = match (raw, text(raw)) {
        (_, Some(text)) => (parse_bytes(text).map(i128::from), Value::from(text)),
        (Raw::Toml(value), None) => (value.as_integer().map(i128::from), value.clone()),
        (Raw::Text(_), None) => (None, Value::from("")),
    };
    let number = number.ok_or_else(|| {
        format!("{} is no size, like \"500KB\", \"32KiB\", \"4MiB\" or 65536", shown(raw))
    })?;
    within(raw, number, (i128::from(least), i128::from(most)), why, |bound| {
        bytes_text(u64::try_from(bound).unwrap_or_default())
    })?;
    Ok(value)
}

fn span(raw: &Raw, least: Duration, most: Duration, why: &str) -> Result<Value, String> {
    let found = text(raw).and_then(|text| Some((text, parse_span(text)?)));
    let (text, span) = found.ok_or_else(|| {
        format!(
            "{} is no span of time, like \"500ms\", \"30s\", \"10m\", \"24h\" or \"30d\"",
            shown(raw)
        )
    })?;
    within(raw, span, (least, most), why, span_text)?;
    Ok(text.into())
}

/// Tries that a message has at most.
const MOST_RETRIES: usize = 20;

fn spans(raw: &Raw) -> Result<Value, String> {
    let text = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    for word in text.split_whitespace() {
        let most = Duration::from_secs(30 * 86_400);
        if parse_span(word).is_none_or(|span| span.is_zero() || span > most) {
            return Err(format!(
                "{} in it is no span of time from 1ms to 30d; write them like \"5s 1m 5m\"",
                quoted(word)
            ));
        }
    }
    if text.split_whitespace().count() > MOST_RETRIES {
        return Err(format!("there are more than {MOST_RETRIES}"));
    }
    Ok(text.into())
}

fn networks(raw: &Raw) -> Result<Value, String> {
    let text = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    for word in text.split_whitespace() {
        let parsed = word.split_once('/').and_then(|(address, prefix)| {
            let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
            prefix.parse::<u8>().ok().filter(|prefix| *prefix <= most)
        });
        if parsed.is_none() {
            return Err(format!(
                "{} in it is no network, like \"10.0.0.0/8\" or \"::1/128\"",
                quoted(word)
            ));
        }
    }
    Ok(text.into())
}

fn servers(raw: &Raw) -> Result<Value, String> {
    let text = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    if text.contains('@') {
        // Not repeated: it may be a password.
        return Err("a name or password has no place in it: use `nats_credentials`".to_owned());
    }
    for one in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        let host = ["nats://", "tls://"].iter().find_map(|scheme| one.strip_prefix(scheme));
        let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | '?' | '#' | '"' | '\\');
        if host.is_none_or(|host| host.is_empty() || host.starts_with(':') || host.contains(odd)) {
            return Err(format!(
                "{} in it is no server, like \"nats://127.0.0.1:4222\" or \"tls://queue.example.com\"",
                quoted(one)
            ));
        }
    }
    Ok(text.into())
}

/// What stands for the tenant in subjects.
const TENANT: &str = "{tenant}";

fn subject(raw: &Raw) -> Result<Value, String> {
    let text = text(raw).ok_or_else(|| format!("{} is no text", shown(raw)))?;
    let tokens: Vec<&str> = text.split('.').collect();
    if tokens.iter().filter(|token| **token == TENANT).count() != 1 {
        return Err(format!(
            "{} has not just one token {TENANT}, as in \"nudge.events.{TENANT}\"",
            shown(raw)
        ));
    }
    let plain = |token: &str| {
        !token.is_empty() && !token.contains(|c: char| !c.is_ascii_graphic() || "*>{}".contains(c))
    };
    let fits = |(at, token): (usize, &&str)| {
        plain(token) || [TENANT, "*"].contains(token) || (*token == ">" && at + 1 == tokens.len())
    };
    match tokens.iter().enumerate().all(fits) {
        true => Ok(text.into()),
        false => Err(format!(
            "{} is no subject: tokens of letters and digits with dots between, `*` for any token, and at the \
             end `>` for all that follow",
            shown(raw)
        )),
    }
}

fn name(raw: &Raw) -> Result<Value, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let found = text(raw).filter(|text| (1..=64).contains(&text.len()) && text.chars().all(fits));
    found.map(Value::from).ok_or_else(|| {
        format!("{} is no name: 1 to 64 letters, digits, hyphens and underscores", shown(raw))
    })
}

fn within<T: PartialOrd + Copy>(
    raw: &Raw,
    value: T,
    (least, most): (T, T),
    why: &str,
    text: impl Fn(T) -> String,
) -> Result<(), String> {
    if value < least {
        let colon = if why.is_empty() { "" } else { ": " };
        return Err(format!("{} is less than {}{colon}{why}", shown(raw), text(least)));
    }
    if value > most {
        return Err(format!("{} is more than {}", shown(raw), text(most)));
    }
    Ok(())
}
