//! Where a message leads: links that a person may be led to. Touches nothing.

use super::Dispatch;

#[cfg(test)]
mod tests;

/// Bytes of a link: longer ones break somewhere on their way.
const MOST: usize = 2000;

/// A link as it may stand in a message: `http`, `https` or `mailto`, in visible ASCII, without quotes
/// and angle brackets; nothing if it is anything else.
pub(super) fn safe(link: &str) -> Option<String> {
    let url = reqwest::Url::parse(link.trim()).ok()?;
    let known = match url.scheme() {
        "http" | "https" => url.has_host(),
        "mailto" => !url.path().is_empty(),
        _ => false,
    };
    let text = String::from(url);
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'`');
    (known && text.len() <= MOST && text.bytes().all(plain)).then_some(text)
}

/// Where a dispatch leads: by the tracked link if there is one, else straight.
pub(super) fn of(dispatch: &Dispatch) -> Option<String> {
    let straight = dispatch.outgoing.content.link.as_deref();
    [dispatch.links.read.as_deref(), straight].into_iter().flatten().find_map(safe)
}
