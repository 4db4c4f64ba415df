//! Mail addresses, read strictly: one address, nothing around it, no quoted or routed forms.

use lettre::Address;
use lettre::message::Mailbox;

/// Bytes of an address, and of what stands before the `@`.
const MOST: usize = 254;
const MOST_LOCAL: usize = 64;
/// Characters of a name.
const MOST_NAME: usize = 128;

/// Reads an address; nothing if it is none. A domain of other scripts is written in ASCII, as the
/// name system has it.
pub(super) fn address(text: &str) -> Option<Address> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let atoms = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    if text.len() > MOST || local.len() > MOST_LOCAL || !atoms {
        return None;
    }
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else if domain.chars().all(|c| c == '.' || is_label(c)) {
        reqwest::Url::parse(&format!("http://{domain}/")).ok()?.host_str()?.to_owned()
    } else {
        return None;
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let fits = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(is_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Numbers at the end are an IP address: no mailbox that a relay should look for.
    let named = labels.last()?.bytes().any(|b| b.is_ascii_alphabetic());
    let whole = labels.len() >= 2 && named && labels.iter().all(fits);
    if whole { Address::new(local, domain).ok() } else { None }
}

/// Reads an address that may have a name before it; nothing if it is none.
pub(super) fn mailbox(text: &str) -> Option<Mailbox> {
    let text = text.trim();
    let Some((name, rest)) = text.split_once('<') else {
        return address(text).map(|address| Mailbox::new(None, address));
    };
    let address = address(rest.strip_suffix('>')?)?;
    let name = name.trim();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    let plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '>');
    if name.chars().count() > MOST_NAME || !name.chars().all(plain) {
        return None;
    }
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    Some(Mailbox::new(name, address))
}

/// Whether a character may stand in the part before the `@`.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_foreign(c)
}

/// Whether a character may stand in a part of a domain.
fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || is_foreign(c)
}

/// Whether a character is of another script, and one that can be seen.
fn is_foreign(c: char) -> bool {
    let unseen = matches!(c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffd}'
        | '\u{e0000}'..);
    c > '\u{a0}' && !c.is_whitespace() && !unseen
}
