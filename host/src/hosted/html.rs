//! HTML as text: everything that others wrote is escaped here.

use std::fmt::{self, Write as _};

use super::style::STYLE;
use super::text::Language;

/// Text that others wrote, inside an element or an attribute between double quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text that others wrote inside of ours: whichever way it is written, ours stays in order.
pub(super) struct Inside<'a>(pub(super) &'a str);

impl fmt::Display for Inside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<bdi>{}</bdi>", Text(self.0))
    }
}

/// A sentence of ours with what belongs in its braces. What is filled in is not looked at again.
pub(super) fn filled(sentence: &str, with: &[(&str, &dyn fmt::Display)]) -> String {
    let mut filled = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        if let Some((_, value)) = with.iter().find(|(other, _)| *other == name) {
            let _ = write!(filled, "{value}");
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// A page with this title, of one's own text, and this body, of HTML.
pub(super) fn page(language: Language, title: &str, sender: Option<&str>, body: &str) -> String {
    let (tag, direction) = (language.tag(), language.direction());
    let sender = sender.filter(|sender| !sender.is_empty());
    let title = match sender {
        Some(sender) => format!("{} · {}", Text(title), Text(sender)),
        None => Text(title).to_string(),
    };
    let sender = sender.map(head).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"format-detection\" content=\"telephone=no\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{sender}{body}</main>\n\
         </body>\n</html>\n"
    )
}

/// Who sends, with the first letter as a mark.
fn head(sender: &str) -> String {
    let first = sender.chars().find(|c| c.is_alphanumeric());
    let first: String = first.into_iter().flat_map(char::to_uppercase).collect();
    let mark = match first.is_empty() {
        true => String::new(),
        false => format!("<span class=\"mark\" aria-hidden=\"true\">{}</span>", Text(&first)),
    };
    format!("<p class=\"sender\">{mark}<span dir=\"auto\">{}</span></p>\n", Text(sender))
}

/// Where a form is sent, as an attribute: a path of ours or a URL; anything else, and it is sent to the page itself.
pub(super) fn action(url: &str) -> String {
    if is_safe(url) { format!(" action=\"{}\"", Text(url)) } else { String::new() }
}

/// A link that looks like a button; nothing if it leads to anything but a page of the web or of ours.
pub(super) fn link(class: &str, url: &str, text: &str) -> String {
    if !is_safe(url) {
        return String::new();
    }
    format!(
        "<a class=\"{class}\" href=\"{}\" rel=\"noopener noreferrer nofollow\">{}</a>\n",
        Text(url),
        Text(text)
    )
}

/// True if it is a path of ours or a web page, with nothing in it that browsers leave out or read as something else.
fn is_safe(url: &str) -> bool {
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let own = url.starts_with('/') && !url.starts_with("//");
    let web = ["https://", "http://"].iter().any(|scheme| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
    });
    plain && (own || web)
}
