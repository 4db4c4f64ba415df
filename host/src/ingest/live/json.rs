//! A body as a tree that borrows its texts from it. As `serde_json`'s, but it knows the order and
//! does not sort, which is cheaper. Of two members with one name the last one counts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{Fault, Refused};

/// Up to this many members, comparing each with each is quicker than remembering them.
const FEW: usize = 24;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    /// An integer that is no [`Json::Integer`].
    Large(u64),
    /// Finite: the parser refuses the rest.
    Number(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// A JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// What is there under `key`; `null` is nothing.
    pub(super) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, json)| json).filter(|json| **json != Json::Null)
    }

    /// The object there under `key`. Some senders write an empty one as an empty array.
    pub(super) fn object(&self, key: &str) -> Result<Option<&Object<'a>>, Refused> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::Array(none)) if none.is_empty() => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object)),
            Some(other) => Err(other.instead_of("an object").within(key)),
        }
    }
}

impl Json<'_> {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "true or false",
            Json::Integer(_) | Json::Large(_) | Json::Number(_) => "a number",
            Json::Text(_) => "text",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// The refusal of this where `wanted` is to be.
    pub(super) fn instead_of(&self, wanted: &str) -> Refused {
        Refused::invalid("", format!("{} where {wanted} is expected", self.kind()))
    }

    /// Written as JSON, its names sorted: the same, however it was sent.
    pub(super) fn written(&self) -> String {
        self.plain().to_string()
    }

    fn plain(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Json::Null => Value::Null,
            Json::Flag(flag) => Value::from(*flag),
            Json::Integer(number) => Value::from(*number),
            Json::Large(number) => Value::from(*number),
            Json::Number(number) => Value::from(*number),
            Json::Text(text) => Value::from(text.as_ref()),
            Json::Array(all) => all.iter().map(Json::plain).collect(),
            Json::Object(Object(all)) => {
                all.iter().map(|(name, json)| (name.as_ref(), json.plain())).collect()
            }
        }
    }
}

/// The text that `body` is.
pub(super) fn text(body: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(body).map_err(|error| {
        let reason = format!("not UTF-8 from byte {} on: send UTF-8", error.valid_up_to());
        Refused::new(Fault::Malformed, "", reason)
    })
}

/// The value that `text` is.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refused> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("(line {}, column {})", error.line(), error.column());
        let said = error.to_string();
        // It says the place by itself, but not always.
        let said = said.split(" at line ").next().unwrap_or_default();
        Refused::new(Fault::Malformed, "", format!("invalid JSON: {said} {place}"))
    })
}

/// The object that `text` is.
pub(super) fn object(text: &str) -> Result<Object<'_>, Refused> {
    match parse(text)? {
        Json::Object(object) => Ok(object),
        other => Err(other.instead_of("an object")),
    }
}

/// The elements of the array that `text` is, unparsed: one that is wrong spoils no other.
pub(super) fn elements(text: &str) -> Result<Vec<&str>, Refused> {
    if !text.trim_start().starts_with('[') {
        // What is no JSON at all is to be called so.
        return Err(parse::<Json<'_>>(text)?.instead_of("an array"));
    }
    let all = parse::<Vec<&RawValue>>(text)?;
    Ok(all.into_iter().map(RawValue::get).collect())
}

/// The members of the object that `text` is, unparsed.
pub(super) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Refused> {
    if !text.trim_start().starts_with('{') {
        return Err(parse::<Json<'_>>(text)?.instead_of("an object"));
    }
    parse::<Members<'_>>(text).map(|members| members.0)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'a> Visitor<'a> for Reader {
            type Value = Members<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut all = Vec::new();
                while let Some((Name(name), raw)) = map.next_entry::<_, &RawValue>()? {
                    all.push((name, raw.get()));
                }
                Ok(Members(all))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A text that is borrowed if nothing in it is escaped: serde's own `Cow` never borrows.
struct Name<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Name<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'a> Visitor<'a> for Reader {
            type Value = Name<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(text.into())))
            }
        }
        from.deserialize_str(Reader)
    }
}

impl<'a> Deserialize<'a> for Json<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Tree)
    }
}

struct Tree;

impl<'a> Visitor<'a> for Tree {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Json<'a>, E> {
        Ok(Json::Flag(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Json<'a>, E> {
        Ok(Json::Integer(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json<'a>, E> {
        Ok(i64::try_from(number).map_or(Json::Large(number), Json::Integer))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Json<'a>, E> {
        Ok(Json::Number(number))
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Owned(text.into())))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Json<'a>, A::Error> {
        let mut all = Vec::new();
        while let Some(json) = seq.next_element()? {
            all.push(json);
        }
        Ok(Json::Array(all))
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Json<'a>, A::Error> {
        let mut all = Vec::new();
        while let Some((Name(name), json)) = map.next_entry()? {
            all.push((name, json));
        }
        if doubled(&all) {
            let mut known = HashSet::new();
            all.reverse();
            all.retain(|(name, _)| known.insert(name.clone()));
            all.reverse();
        }
        Ok(Json::Object(Object(all)))
    }
}

/// True if a name is there twice.
fn doubled(all: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if all.len() > FEW {
        let mut known = HashSet::with_capacity(all.len());
        return !all.iter().all(|(name, _)| known.insert(name.as_ref()));
    }
    let mut rest = all.iter();
    while let Some((name, _)) = rest.next() {
        if rest.clone().any(|(other, _)| other == name) {
            return true;
        }
    }
    false
}
