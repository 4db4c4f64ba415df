//! What a mail says: its subject, its text and its files. The structure is walked here, so that its depth, its
//! parts and its headers are counted before anything is made of them; headers, encodings and charsets are
//! `mail-parser`'s. Pure.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    ContentType, HeaderName, HeaderValue, MessageParser, MessagePart, MimeHeaders as _,
};

use super::html;

/// Parts within parts.
const DEPTH: usize = 8;

/// Parts of a mail, at all depths.
const PARTS: usize = 100;

/// Bytes of the headers of a mail, or of a part.
const HEAD: usize = 64 << 10;

/// Characters of a subject and of a file's name.
const SUBJECT: usize = 500;
const NAME: usize = 200;

/// What a mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Who it says it is from. There may be several, and all of them say it.
    pub from: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its text, with LF at the ends of lines.
    pub text: String,
    /// Its files, in their order.
    pub files: Vec<File>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without any path.
    pub name: String,
    /// Its media type, without parameters.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a mail cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MimeError {
    /// Its headers are too long.
    #[error("the headers of the mail, or of a part of it, have more than {HEAD} bytes")]
    Head,
    /// It does not say who it is from, or says so twice.
    #[error("the mail has to have one header From, with addresses in it")]
    From,
    /// It is too deep.
    #[error("the mail has parts within parts, more than {DEPTH} deep")]
    Deep,
    /// It has too many parts.
    #[error("the mail has more than {PARTS} parts")]
    Many,
    /// A part is not encoded as it says.
    #[error("a part of the mail is not in the encoding that it says")]
    Encoding,
}

/// Reads a mail.
///
/// # Errors
///
/// If it has too much of something, or is damaged.
pub fn read(bytes: &[u8]) -> Result<Mail, MimeError> {
    let (head, body) = split(bytes);
    let head = Head::read(head)?;
    let mut walk = Walk { left: PARTS, unnamed: 0 };
    let mut found = Found::default();
    walk.part(&head, body, 0, &mut found)?;
    let texts = found.texts.into_iter().map(|text| match text {
        Text::Plain(text) => text,
        Text::Html(html) => html::text(&html),
    });
    let texts: Vec<String> = texts.filter(|text| !text.trim().is_empty()).collect();
    Ok(Mail {
        from: head.from()?,
        subject: line(head.subject(), SUBJECT),
        text: tidy(&texts.join("\n\n")),
        files: found.files,
    })
}

/// A text as it is kept: lines end with LF, and other control characters are left out.
#[must_use]
pub fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String =
        text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    kept.trim_matches('\n').trim_end().to_owned()
}

/// A text of one line, of so many characters at most.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// A file's name as it is kept, if there is anything of one in it: no path, no control characters, not too long.
#[must_use]
pub fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Characters that turn the direction of text can hide what a file is.
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let last: String = last.chars().filter(|c| !turns(c)).collect();
    let last = line(&last, NAME);
    let last = last.trim_matches(['.', ' ']);
    (!last.is_empty()).then(|| last.to_owned())
}

/// A media type as it is kept: two words in small letters, or bytes.
#[must_use]
pub fn media_type(text: &str) -> String {
    let word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        (1..=100).contains(&word.len()) && word.bytes().all(plain)
    };
    let bare = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match bare.split_once('/') {
        Some((kind, sub)) if word(kind) && word(sub) => bare,
        _ => "application/octet-stream".to_owned(),
    }
}

/// Headers, and what follows the empty line after them.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    for (start, end) in lines(bytes) {
        let line = bytes.get(start..end).unwrap_or_default();
        if line == b"\r\n" || line == b"\n" {
            return (bytes.get(..start).unwrap_or_default(), bytes.get(end..).unwrap_or_default());
        }
    }
    (bytes, &[])
}

/// Where lines begin and end, the line feed included.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let line = (start, start + length);
        start += length;
        Some(line)
    })
}

/// The headers of a mail or a part.
struct Head<'a>(Option<MessagePart<'a>>);

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Result<Head<'a>, MimeError> {
        if bytes.len() > HEAD {
            return Err(MimeError::Head);
        }
        // The others are not even looked at.
        let parser = MessageParser::new()
            .with_mime_headers()
            .header_text(HeaderName::Subject)
            .header_address(HeaderName::From)
            .default_header_ignore();
        Ok(Head(parser.parse_headers(bytes).and_then(|message| message.parts.into_iter().next())))
    }

    fn from(&self) -> Result<Vec<String>, MimeError> {
        let headers = self.0.iter().flat_map(|part| &part.headers);
        let mut from = headers.filter(|header| header.name == HeaderName::From);
        let (Some(one), None) = (from.next(), from.next()) else { return Err(MimeError::From) };
        let HeaderValue::Address(addresses) = &one.value else { return Err(MimeError::From) };
        let all = addresses.iter().map(|one| one.address().map(str::to_owned));
        let all: Option<Vec<String>> = all.collect();
        all.filter(|all| !all.is_empty()).ok_or(MimeError::From)
    }

    fn subject(&self) -> &str {
        let headers = self.0.iter().flat_map(|part| &part.headers);
        let mut subjects = headers.filter(|header| header.name == HeaderName::Subject);
        subjects.next_back().and_then(|header| header.value.as_text()).unwrap_or_default()
    }

    fn content_type(&self) -> Option<&ContentType<'_>> {
        self.0.as_ref()?.content_type()
    }

    /// Kind and sort, in small letters.
    fn kind(&self) -> (String, String) {
        match self.content_type() {
            None => ("text".to_owned(), "plain".to_owned()),
            Some(of) => {
                let sub = of.c_subtype.as_deref().unwrap_or_default();
                (of.c_type.to_ascii_lowercase(), sub.to_ascii_lowercase())
            }
        }
    }

    fn boundary(&self) -> Option<&str> {
        let boundary = self.content_type()?.attribute("boundary")?;
        Some(boundary).filter(|boundary| !boundary.is_empty())
    }

    fn name(&self) -> Option<String> {
        file_name(self.0.as_ref()?.attachment_name()?)
    }

    fn is_attachment(&self) -> bool {
        let part = self.0.as_ref();
        part.and_then(|part| part.content_disposition()).is_some_and(ContentType::is_attachment)
    }

    /// The bytes of a part, without what was only for the way.
    fn decode(&self, body: &[u8]) -> Result<Vec<u8>, MimeError> {
        let encoding = self.0.as_ref().and_then(|part| part.content_transfer_encoding());
        let decoded = match encoding.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "base64" => base64_decode(body),
            "quoted-printable" => quoted_printable_decode(body),
            _ => Some(body.to_vec()),
        };
        decoded.ok_or(MimeError::Encoding)
    }

    /// The text of a part.
    fn text(&self, bytes: Vec<u8>) -> String {
        let charset = self.content_type().and_then(|of| of.attribute("charset"));
        // What says nothing is what most is: UTF-8, or ASCII, which is the same.
        let utf8 = charset.is_none_or(|c| c.eq_ignore_ascii_case("utf-8") || c.is_empty());
        let decoder = charset.filter(|_| !utf8).and_then(|name| charset_decoder(name.as_bytes()));
        match decoder {
            Some(decode) => decode(&bytes),
            None => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// A text of a mail.
enum Text {
    Plain(String),
    Html(String),
}

#[derive(Default)]
struct Found {
    texts: Vec<Text>,
    files: Vec<File>,
}

struct Walk {
    /// Parts that there may still be.
    left: usize,
    /// Files without a name so far.
    unnamed: usize,
}

impl Walk {
    fn part(
        &mut self,
        head: &Head<'_>,
        body: &[u8],
        depth: usize,
        found: &mut Found,
    ) -> Result<(), MimeError> {
        self.left = self.left.checked_sub(1).ok_or(MimeError::Many)?;
        let (kind, sort) = head.kind();
        if kind == "multipart"
            && let Some(boundary) = head.boundary()
        {
            if depth >= DEPTH {
                return Err(MimeError::Deep);
            }
            return self.parts(boundary, &sort, body, depth, found);
        }
        let bytes = head.decode(body)?;
        let shown = !head.is_attachment() && head.name().is_none();
        match (kind.as_str(), sort.as_str()) {
            ("text", "html") if shown => found.texts.push(Text::Html(head.text(bytes))),
            ("text" | "multipart", _) if shown && (kind != "text" || sort == "plain") => {
                found.texts.push(Text::Plain(head.text(bytes)));
            }
            _ => {
                let name = head.name().unwrap_or_else(|| {
                    self.unnamed += 1;
                    let end = if kind == "message" { ".eml" } else { "" };
                    format!("attachment-{}{end}", self.unnamed)
                });
                found.files.push(File {
                    name,
                    media_type: media_type(&format!("{kind}/{sort}")),
                    bytes,
                });
            }
        }
        Ok(())
    }

    fn parts(
        &mut self,
        boundary: &str,
        sort: &str,
        body: &[u8],
        depth: usize,
        found: &mut Found,
    ) -> Result<(), MimeError> {
        let mut within = Found::default();
        for part in cut(body, boundary, self.left)? {
            let (head, body) = split(part);
            self.part(&Head::read(head)?, body, depth + 1, &mut within)?;
        }
        // Of several that say the same, the plain one.
        let plain = |text: &Text| matches!(text, Text::Plain(text) if !text.trim().is_empty());
        if sort == "alternative" && within.texts.iter().any(plain) {
            within.texts.retain(plain);
        }
        found.texts.append(&mut within.texts);
        found.files.append(&mut within.files);
        Ok(())
    }
}

/// The parts between lines with the boundary, so many at most.
fn cut<'a>(body: &'a [u8], boundary: &str, most: usize) -> Result<Vec<&'a [u8]>, MimeError> {
    let mut parts = Vec::new();
    let mut begun = None;
    let mut ended = false;
    for (start, end) in lines(body) {
        let line = body.get(start..end).unwrap_or_default();
        let rest = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary.as_bytes()));
        let last = match rest.map(<[u8]>::trim_ascii) {
            Some(b"") => false,
            Some(b"--") => true,
            _ => continue,
        };
        if let Some(from) = begun {
            parts.push(before(body, from, start));
        }
        begun = Some(end);
        if last {
            ended = true;
            break;
        }
        if parts.len() >= most {
            return Err(MimeError::Many);
        }
    }
    // What was cut off on the way is better than nothing.
    if let Some(from) = begun.filter(|_| !ended) {
        parts.push(body.get(from..).unwrap_or_default());
    }
    Ok(parts)
}

/// A part, without the line feed that belongs to the boundary after it.
fn before(body: &[u8], from: usize, to: usize) -> &[u8] {
    let part = body.get(from..to).unwrap_or_default();
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}
