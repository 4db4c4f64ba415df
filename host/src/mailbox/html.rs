//! HTML reduced to text, for mails that have nothing else. Blocks become lines, entities become characters, and
//! what is not shown is left out. One pass; what is no HTML comes out as some text. Pure.

use mail_parser::decoders::html::add_html_token;

/// What stands on lines of its own.
const BLOCKS: [&str; 23] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "section",
    "table",
    "tr",
    "ul",
];

/// What is not shown.
const HIDDEN: [&str; 6] = ["head", "style", "script", "template", "title", "noscript"];

/// Bytes of the longest entity worth looking up.
const ENTITY: usize = 40;

/// The text of HTML.
pub(super) fn text(html: &str) -> String {
    let mut written = Written::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tagged) = rest.split_at(at);
        written.text(before);
        rest = if let Some(comment) = tagged.strip_prefix("<!--") {
            comment.split_once("-->").map_or("", |(_, rest)| rest)
        } else if let Some(tag) = Tag::of(tagged) {
            let rest = tagged.get(tag.length..).unwrap_or_default();
            if HIDDEN.contains(&tag.name.as_str()) && !tag.closes {
                after(rest, &tag.name)
            } else {
                match tag.name.as_str() {
                    "p" => written.breaks(2),
                    "br" => written.line(),
                    "td" | "th" => written.gap(),
                    name if BLOCKS.contains(&name) => written.breaks(1),
                    _ => {}
                }
                rest
            }
        } else {
            written.text("<");
            tagged.get(1..).unwrap_or_default()
        };
    }
    written.text(rest);
    written.text.trim().to_owned()
}

/// What follows the end of something that is not shown.
fn after<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = rest;
    while let Some((_, closing)) = from.split_once("</") {
        let named = closing.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name));
        if named {
            return closing.split_once('>').map_or("", |(_, rest)| rest);
        }
        from = closing;
    }
    ""
}

struct Tag {
    name: String,
    closes: bool,
    /// Its bytes, from `<` to `>`.
    length: usize,
}

impl Tag {
    fn of(tagged: &str) -> Option<Tag> {
        let inner = tagged.strip_prefix('<')?;
        let closes = inner.starts_with('/');
        let named = inner.strip_prefix('/').unwrap_or(inner);
        if !named.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
            return None;
        }
        let name = named.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        // A `>` in an attribute's quotes does not end it.
        let mut quote = None;
        for (at, c) in tagged.char_indices() {
            match (quote, c) {
                (None, '>') => return Some(Tag { name, closes, length: at + 1 }),
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                _ => {}
            }
        }
        // It never ends, so there is nothing more to be shown.
        Some(Tag { name, closes, length: tagged.len() })
    }
}

#[derive(Default)]
struct Written {
    text: String,
    /// White space has come since.
    space: bool,
}

impl Written {
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let entity = entity(rest);
            let (taken, tail) = rest.split_at(entity.map_or(c.len_utf8(), str::len));
            rest = tail;
            if entity.is_none() && c.is_ascii_whitespace() {
                self.space = true;
                continue;
            }
            if std::mem::take(&mut self.space) && !self.is_fresh() {
                self.text.push(' ');
            }
            match entity {
                Some(entity) => add_html_token(&mut self.text, entity.as_bytes(), false),
                None => self.text.push_str(taken),
            }
        }
    }

    fn is_fresh(&self) -> bool {
        self.text.is_empty() || self.text.ends_with(['\n', ' '])
    }

    /// A cell of a table.
    fn gap(&mut self) {
        self.space = true;
    }

    /// Here a line ends, with so many line feeds at least.
    fn breaks(&mut self, many: usize) {
        let have = self.ends();
        if !self.text.is_empty() {
            (have..many).for_each(|_| self.text.push('\n'));
        }
    }

    /// Here a line ends, be it an empty one; but one after the other is enough.
    fn line(&mut self) {
        if self.ends() < 2 && !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// How many line feeds the text ends with, after the space that nobody sees.
    fn ends(&mut self) -> usize {
        self.space = false;
        let kept = self.text.trim_end_matches(' ').len();
        self.text.truncate(kept);
        self.text.bytes().rev().take_while(|byte| *byte == b'\n').count()
    }
}

/// The entity that a text begins with.
fn entity(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('&')?;
    let name = inner.bytes().take(ENTITY).position(|byte| byte == b';')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    let known = name > 0 && inner.bytes().take(name).all(plain);
    text.get(..name + 2).filter(|_| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        for (html, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("<div>Hello</div><div>World</div>", "Hello\nWorld"),
            ("<p>One</p><p>Two<br>and a half</p>", "One\n\nTwo\nand a half"),
            ("a<br><br/><br>b", "a\n\nb"),
            ("a\n  b\t c", "a b c"),
            ("1 &lt; 2 &amp;&nbsp;3 &#x1F980; &unknown; &;", "1 < 2 &\u{a0}3 🦀 &unknown; &;"),
            (
                "<head><title>x</title></head><STYLE>p{}</Style>seen<script>if (a<b) x</script>!",
                "seen!",
            ),
            ("a<!-- <p>no</p> -->b", "ab"),
            ("<a title='x > y' href=\"u\">link</a>", "link"),
            ("<ul><li>one<li>two</ul>after", "one\ntwo\nafter"),
            ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
            ("1 < 2 <3", "1 < 2 <3"),
            ("cut <b", "cut"),
            ("<script>never ends", ""),
            ("<!-- never ends", ""),
            ("你好<br>世界&hellip;", "你好\n世界…"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn no_html_is_too_much() {
        let pieces =
            ["<", ">", "&", ";", "<p", "</", "<!--", "-->", "\"", "é", "a", "&#", "<script>", " "];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let html: String =
                (0..random.usize(..40)).map(|_| pieces[random.usize(..pieces.len())]).collect();
            let text = text(&html);
            assert!(text.len() <= html.len() * 2, "{html}");
        }
        // In one pass, and not once for each tag.
        assert_eq!(text(&"<".repeat(200_000)).len(), 200_000);
    }
}
