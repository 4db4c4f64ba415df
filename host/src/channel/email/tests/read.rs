//! Reads a mail back, as far as ours go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A mail: its headers in order, unfolded and decoded, and its parts.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) headers: Vec<(String, String)>,
    /// Headers and text of each part.
    pub(super) parts: Vec<(Vec<(String, String)>, String)>,
}

impl Read {
    pub(super) fn new(mail: &str) -> Read {
        assert!(mail.split("\r\n").all(|line| line.len() <= 998), "a line that is too long");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let headers = headers(head);
        let kind = find(&headers, "Content-Type").unwrap();
        let boundary = kind.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        let body = body.trim_end().strip_suffix(&format!("--{boundary}--")).unwrap();
        let parts = body.split(&format!("--{boundary}\r\n")).skip(1).map(part).collect();
        Read { headers, parts }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let all = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        assert!(all.count() <= 1, "{name} twice");
        find(&self.headers, name)
    }

    pub(super) fn plain(&self) -> &str {
        assert_eq!(find(&self.parts[0].0, "Content-Type"), Some("text/plain; charset=utf-8"));
        &self.parts[0].1
    }

    pub(super) fn html(&self) -> &str {
        assert_eq!(self.parts.len(), 2);
        assert_eq!(find(&self.parts[1].0, "Content-Type"), Some("text/html; charset=utf-8"));
        &self.parts[1].1
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

fn headers(head: &str) -> Vec<(String, String)> {
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
        (name.to_owned(), words(value))
    };
    head.split("\r\n").map(header).collect()
}

/// Encoded words, as text; what parts two of them is nothing.
fn words(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value.replace("?= =?", "?==?");
    while let Some((before, after)) = rest.clone().split_once("=?utf-8?b?") {
        let (word, after) = after.split_once("?=").unwrap();
        text += before;
        text += &String::from_utf8(STANDARD.decode(word).unwrap()).unwrap();
        rest = after.to_owned();
    }
    text + &rest
}

fn part(part: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    assert!(body.is_ascii() && body.split("\r\n").all(|line| line.len() <= 76));
    let headers = headers(head);
    let bytes = match find(&headers, "Content-Transfer-Encoding").unwrap() {
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        "quoted-printable" => printable(body),
        other => panic!("encoded as {other}"),
    };
    (headers, String::from_utf8(bytes).unwrap().replace("\r\n", "\n"))
}

fn printable(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    let mut pieces = body.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}
