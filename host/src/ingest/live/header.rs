//! The values of HTTP headers as CloudEvents has them: text in quotes or without, and in it any
//! character as percent signs and digits.

/// The text that the header value `bytes` stands for, or what is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<String, &'static str> {
    let bytes = bytes.trim_ascii();
    let plain = match bytes.split_first() {
        Some((b'"', quoted)) => percent(&unquote(quoted)?)?,
        _ => percent(bytes)?,
    };
    String::from_utf8(plain).map_err(|_| "not UTF-8: percent-encode each character's UTF-8 bytes")
}

/// What is before the closing quote, which is to be the end.
fn unquote(quoted: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().copied();
    loop {
        match bytes.next() {
            Some(b'"') if bytes.len() == 0 => return Ok(plain),
            Some(b'"') => return Err("goes on behind the closing quote: write the quote as %22"),
            Some(b'\\') => plain.extend(bytes.next()),
            Some(byte) => plain.push(byte),
            None => return Err("has no closing quote: write the quote as %22"),
        }
    }
}

fn percent(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(plain),
            [b'%', high, low, rest @ ..]
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) =>
            {
                // Two digits of sixteen are a byte.
                plain.push((high << 4 | low) as u8);
                rest
            }
            [b'%', ..] => return Err("has a % without two hexadecimal digits: write it as %25"),
            [byte, rest @ ..] => {
                plain.push(*byte);
                rest
            }
        };
    }
}
