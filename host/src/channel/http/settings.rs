//! The settings of the templated channel.

use std::collections::BTreeMap;

use ring::hmac;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Meaning, Reading, Rule};
use super::{Access, Http, Sign, Url};
use crate::channel::template::{Escape, Names, Slot, Template, pointer};
use crate::channel::token::Tokens;
use crate::channel::wire::{HeaderMap, HeaderName, HeaderValue, Method, Target, Wire};
use crate::channel::wire::{header_name, header_value};
use crate::channel::{Secret, Wrong, settings};

/// Headers that a tenant sets.
const MOST_HEADERS: usize = 20;
/// Bytes of one template.
const MOST_TEMPLATE: usize = 32 * 1024;
/// How long a token lasts if nobody says.
const SECONDS: u64 = 7200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    content_type: Option<String>,
    ok: Option<Rule>,
    gone: Option<Rule>,
    unsubscribed: Option<Rule>,
    denied: Option<Rule>,
    retry: Option<Rule>,
    reference: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    token: Option<TokenSettings>,
    sign: Option<SignSettings>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Post,
    Put,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSettings {
    url: String,
    #[serde(default)]
    method: TokenVerb,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    content_type: Option<String>,
    path: String,
    expires_path: Option<String>,
    seconds: Option<u64>,
    refused: Option<Rule>,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TokenVerb {
    Get,
    #[default]
    Post,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignSettings {
    kind: SignKind,
    secret: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SignKind {
    DingTalk,
    Feishu,
}

/// A request as far as it can be prepared.
struct Prepared {
    url: Template,
    headers: HeaderMap,
    templates: Vec<(HeaderName, Template)>,
    body: Template,
}

/// Builds the channel from its settings.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(crate) fn build(name: &str, settings: &Value, wire: &Wire) -> Result<Http, Vec<Wrong>> {
    let settings: Settings = settings::read(settings)?;
    let mut wrongs = Vec::new();
    for (name, secret) in &settings.secrets {
        if secret.reveal().is_empty() {
            wrongs.push(Wrong::new(format!("/secrets/{}", pointer(name)), "is empty"));
        }
    }
    let names = Names {
        secrets: Some(&settings.secrets),
        token: settings.token.is_some(),
        sign: settings.sign.is_some(),
    };
    let content_type = settings.content_type.as_deref();
    let before = wrongs.len();
    let Prepared { url, headers, templates, body } = prepare(
        "",
        (&settings.url, &settings.headers, settings.body.as_ref(), content_type),
        names,
        &mut wrongs,
    );
    let read = wrongs.len() == before;
    // Of what could not be read nobody knows what it uses.
    let used = |slot: &Slot| {
        let in_headers = templates.iter().any(|(_, template)| template.uses(slot));
        !read || in_headers || url.uses(slot) || body.uses(slot)
    };
    if settings.sign.is_some() && !used(&Slot::Sign) {
        wrongs.push(Wrong::new("/sign", "the signature is nowhere sent: write {{sign}}"));
    }
    if settings.token.is_some() && !used(&Slot::Token) {
        wrongs.push(Wrong::new("/token", "the token is nowhere sent: write {{token}}"));
    }
    let url = goal(url, wire, &mut wrongs);
    let reading = reading(&settings, &mut wrongs);
    let sign = settings.sign.and_then(|sign| signing(&sign, &settings.secrets, &mut wrongs));
    let token =
        settings.token.and_then(|token| access(&token, &settings.secrets, wire, &mut wrongs));
    let Some(url) = url.filter(|_| wrongs.is_empty()) else { return Err(wrongs) };
    Ok(Http {
        name: name.to_owned(),
        wire: wire.clone(),
        method: match settings.method {
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
        },
        url,
        headers,
        templates,
        body,
        reading,
        secrets: settings.secrets.into_values().collect(),
        token,
        sign,
    })
}

/// Prepares a request: its URL, headers, body and content type.
fn prepare(
    path: &str,
    request: (&str, &BTreeMap<String, String>, Option<&Value>, Option<&str>),
    names: Names<'_>,
    wrongs: &mut Vec<Wrong>,
) -> Prepared {
    let (url, headers, body, content_type) = request;
    let mut parse = |text: &str, escape, path: String| {
        let parsed = if text.len() > MOST_TEMPLATE {
            Err("is too long".to_owned())
        } else if text.contains(char::is_control) {
            Err("holds a line break or another control character".to_owned())
        } else {
            Template::parse(text, escape, names)
        };
        parsed.map_err(|message| wrongs.push(Wrong::new(path, message))).unwrap_or_default()
    };
    let url = parse(url, Escape::Url, format!("{path}/url"));
    let values: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let place = format!("{path}/headers/{}", pointer(name));
            (name, parse(value, Escape::Header, place.clone()), place)
        })
        .collect();
    let (mut headers, mut templates) = (HeaderMap::new(), Vec::new());
    if values.len() > MOST_HEADERS {
        let message = format!("give {MOST_HEADERS} headers at most");
        wrongs.push(Wrong::new(format!("{path}/headers"), message));
    }
    for (name, template, place) in values {
        match (header_name(name), template.fixed()) {
            (Ok(name), _) if name == "content-type" => {
                wrongs.push(Wrong::new(place, "is set by `content_type`"));
            }
            (Ok(name), Some(value)) => match header_value(value) {
                Ok(value) => drop(headers.insert(name, value)),
                Err(trouble) => wrongs.push(Wrong::new(place, trouble.detail)),
            },
            (Ok(name), None) => templates.push((name, template)),
            (Err(message), _) => wrongs.push(Wrong::new(place, message)),
        }
    }
    let content_type = content_type.unwrap_or("application/json");
    match HeaderValue::from_str(content_type) {
        Ok(value) if body.is_some() => drop(headers.insert("content-type", value)),
        Ok(_) => {}
        Err(_) => {
            let message = "is no content type";
            wrongs.push(Wrong::new(format!("{path}/content_type"), message));
        }
    }
    let body = match body {
        Some(body) => content(body, content_type, &format!("{path}/body"), names, wrongs),
        None => Template::default(),
    };
    Prepared { url, headers, templates, body }
}

/// Reads the body by its type. JSON as text is read as the JSON that it is: so every value stands in a string.
fn content(
    body: &Value,
    content_type: &str,
    path: &str,
    names: Names<'_>,
    wrongs: &mut Vec<Wrong>,
) -> Template {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is =
        |name: &str| kind.ends_with(&format!("/{name}")) || kind.ends_with(&format!("+{name}"));
    let parsed = if is("json") {
        match body {
            Value::String(text) => match serde_json::from_str(text) {
                Ok(value) => Template::json(&value, path, names),
                Err(_) => Err(vec![Wrong::new(
                    path,
                    "is no JSON: placeholders stand inside of strings, between quotes",
                )]),
            },
            value => Template::json(value, path, names),
        }
    } else if let Value::String(text) = body {
        let escape = match kind.as_str() {
            "application/x-www-form-urlencoded" => Escape::Form,
            _ if is("xml") || is("html") => Escape::Markup,
            _ => Escape::Plain,
        };
        Template::parse(text, escape, names).map_err(|message| vec![Wrong::new(path, message)])
    } else {
        Err(vec![Wrong::new(path, "must be text unless `content_type` is JSON")])
    };
    let too_long = body.to_string().len() > MOST_TEMPLATE;
    if too_long {
        wrongs.push(Wrong::new(path, "is too long"));
    }
    parsed.map_err(|found| wrongs.extend(found)).unwrap_or_default()
}

/// Checks the URL. Its host is the tenant's choice: no value may become a part of it.
fn goal(url: Template, wire: &Wire, wrongs: &mut Vec<Wrong>) -> Option<Url> {
    if wrongs.iter().any(|wrong| wrong.path == "/url") {
        return None;
    }
    let target = match url.fixed() {
        Some(url) => wire.target(&url).map(Url::Fixed),
        None => {
            let lead = url.lead();
            let host = lead.split_once("://").map_or("", |(_, rest)| rest);
            if !host.contains(['/', '?', '#']) || lead.contains('\\') {
                wrongs.push(Wrong::new("/url", "the host must stand before any placeholder"));
                return None;
            }
            wire.target(lead).map(|_| Url::Filled(url))
        }
    };
    target.map_err(|trouble| wrongs.push(Wrong::new("/url", trouble.detail))).ok()
}

fn reading(settings: &Settings, wrongs: &mut Vec<Wrong>) -> Reading {
    let refused = settings.token.as_ref().map(|token| {
        let unauthorized = || Rule { status: vec![401], ..Rule::default() };
        token.refused.clone().unwrap_or_else(unauthorized)
    });
    let rules = [
        ("/token/refused", &refused, Meaning::Refused),
        ("/gone", &settings.gone, Meaning::Gone),
        ("/unsubscribed", &settings.unsubscribed, Meaning::Unsubscribed),
        ("/denied", &settings.denied, Meaning::Denied),
        ("/retry", &settings.retry, Meaning::Retry),
    ];
    let mut kept = Vec::new();
    for (path, rule, meaning) in rules {
        let Some(rule) = rule else { continue };
        check(rule, path, wrongs);
        kept.push((rule.clone(), meaning));
    }
    if let Some(ok) = &settings.ok {
        check(ok, "/ok", wrongs);
    }
    for (name, place) in [("reference", &settings.reference), ("detail", &settings.detail)] {
        check_pointer(place.as_ref(), &format!("/{name}"), wrongs);
    }
    Reading {
        ok: settings.ok.clone(),
        rules: kept,
        reference: settings.reference.clone(),
        detail: settings.detail.clone(),
    }
}

fn check(rule: &Rule, path: &str, wrongs: &mut Vec<Wrong>) {
    check_pointer(rule.path.as_ref(), &format!("{path}/path"), wrongs);
    let message = match (&rule.path, rule.equals.is_empty()) {
        (Some(_), true) => "say in `equals` which values are meant",
        (None, false) => "say in `path` where the values stand",
        (None, true) if rule.status.is_empty() => "give `status`, or `path` and `equals`",
        _ => return,
    };
    wrongs.push(Wrong::new(path, message));
}

fn check_pointer(place: Option<&String>, path: &str, wrongs: &mut Vec<Wrong>) {
    if place.is_some_and(|place| !place.is_empty() && !place.starts_with('/')) {
        wrongs.push(Wrong::new(path, "is no JSON pointer: write it as /data/id"));
    }
}

fn signing(
    sign: &SignSettings,
    secrets: &BTreeMap<String, Secret>,
    wrongs: &mut Vec<Wrong>,
) -> Option<Sign> {
    let Some(secret) = secrets.get(&sign.secret) else {
        wrongs.push(Wrong::new("/sign/secret", "there is no such secret in `secrets`"));
        return None;
    };
    Some(match sign.kind {
        SignKind::DingTalk => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
            Sign::DingTalk(key, secret.clone())
        }
        SignKind::Feishu => Sign::Feishu(secret.clone()),
    })
}

/// Prepares the request for a token. It is the same for all users, so only secrets can stand in it.
fn access(
    token: &TokenSettings,
    secrets: &BTreeMap<String, Secret>,
    wire: &Wire,
    wrongs: &mut Vec<Wrong>,
) -> Option<Access> {
    let names = Names { secrets: Some(secrets), ..Names::default() };
    let content_type = token.content_type.as_deref();
    let request = (token.url.as_str(), &token.headers, token.body.as_ref(), content_type);
    let before = wrongs.len();
    let prepared = prepare("/token", request, names, wrongs);
    check_pointer(Some(&token.path), "/token/path", wrongs);
    check_pointer(token.expires_path.as_ref(), "/token/expires_path", wrongs);
    let mut only = |text: Option<String>, path: &str| {
        if text.is_none() {
            wrongs.push(Wrong::new(path, "only secrets can stand in the request for a token"));
        }
        text
    };
    if let Some((name, _)) = prepared.templates.first() {
        only(None, &format!("/token/headers/{name}"));
    }
    let url = only(prepared.url.fixed(), "/token/url");
    let body = only(prepared.body.fixed(), "/token/body");
    let target: Option<Target> = url.filter(|_| wrongs.len() == before).and_then(|url| {
        let wrong = |t: crate::channel::Trouble| wrongs.push(Wrong::new("/token/url", t.detail));
        wire.target(&url).map_err(wrong).ok()
    });
    Some(Access {
        tokens: Tokens::default(),
        method: if token.method == TokenVerb::Get { Method::GET } else { Method::POST },
        target: target?,
        headers: prepared.headers,
        body: body?,
        path: token.path.clone(),
        expires: token.expires_path.clone(),
        seconds: token.seconds.unwrap_or(SECONDS),
    })
}
