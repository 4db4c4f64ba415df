//! The settings of the WeChat channel.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Field, MiniProgram, WeChat};
use crate::channel::template::{Escape, Names, Template, pointer};
use crate::channel::weixin::{Account, in_query};
use crate::channel::wire::Wire;
use crate::channel::{Secret, Wrong, settings};

/// Values of a message.
const MOST_FIELDS: usize = 20;
/// Bytes of the template of a value.
const MOST_TEMPLATE: usize = 2048;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "official")]
    base_url: String,
    app_id: String,
    secret: Secret,
    template_id: String,
    callback_token: Option<Secret>,
    #[serde(default = "usual")]
    fields: BTreeMap<String, String>,
    color: Option<String>,
    miniprogram: Option<MiniProgram>,
}

fn official() -> String {
    "https://api.weixin.qq.com".to_owned()
}

fn usual() -> BTreeMap<String, String> {
    let field = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    BTreeMap::from([field("first", "{{title}}"), field("content", "{{body}}")])
}

/// Builds the channel from its settings.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(crate) fn build(name: &str, settings: &Value, wire: &Wire) -> Result<WeChat, Vec<Wrong>> {
    let settings: Settings = settings::read(settings)?;
    let mut wrongs = Vec::new();
    let secret = settings.secret.reveal();
    for (path, text) in [
        ("/app_id", settings.app_id.as_str()),
        ("/secret", secret),
        ("/template_id", &settings.template_id),
        ("/callback_token", settings.callback_token.as_ref().map_or("-", Secret::reveal)),
        ("/miniprogram/appid", settings.miniprogram.as_ref().map_or("-", |m| &m.appid)),
    ] {
        if text.is_empty() {
            wrongs.push(Wrong::new(path, "is empty"));
        }
    }
    let hex = |color: &str| {
        let digits = color.strip_prefix('#').unwrap_or_default();
        digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if settings.color.as_deref().is_some_and(|color| !hex(color)) {
        wrongs.push(Wrong::new("/color", "is no color: write it as #173177"));
    }
    let fields = fields(&settings.fields, &mut wrongs);
    let token = format!(
        "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
        in_query(&settings.app_id),
        in_query(secret),
    );
    let send = "/cgi-bin/message/template/send?access_token=";
    let account = Account::new(wire, &settings.base_url, &token, send)
        .map_err(|trouble| wrongs.push(Wrong::new("/base_url", trouble.detail)));
    match account {
        Ok(account) if wrongs.is_empty() => Ok(WeChat {
            name: name.to_owned(),
            account,
            template_id: settings.template_id,
            callback_token: settings.callback_token,
            fields,
            color: settings.color,
            miniprogram: settings.miniprogram,
        }),
        _ => Err(wrongs),
    }
}

fn fields(fields: &BTreeMap<String, String>, wrongs: &mut Vec<Wrong>) -> Vec<Field> {
    if !(1..=MOST_FIELDS).contains(&fields.len()) {
        wrongs.push(Wrong::new("/fields", format!("give 1 to {MOST_FIELDS} fields")));
    }
    let mut read = Vec::with_capacity(fields.len());
    for (key, text) in fields {
        let path = format!("/fields/{}", pointer(key));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if key.is_empty() || !key.bytes().all(plain) {
            wrongs.push(Wrong::new(path.as_str(), "is no key of a template, such as thing1"));
        }
        if text.len() > MOST_TEMPLATE {
            wrongs.push(Wrong::new(path, "is too long"));
            continue;
        }
        match Template::parse(text, Escape::Plain, Names::default()) {
            Ok(template) => {
                read.push(Field { key: key.clone(), template, most: most(key) });
            }
            Err(message) => wrongs.push(Wrong::new(path, message)),
        }
    }
    read
}

/// How many characters a value may have: its kind is what its key begins with, before the number.
fn most(key: &str) -> Option<usize> {
    match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "thing" | "const" => Some(20),
        "character_string" => Some(32),
        "phone_number" => Some(17),
        "car_number" => Some(8),
        _ => None,
    }
}
