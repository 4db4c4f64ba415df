//! The settings of the WeCom channel.

use serde::Deserialize;
use serde_json::Value;

use super::WeCom;
use super::message::Kind;
use crate::channel::weixin::{Account, in_query};
use crate::channel::wire::Wire;
use crate::channel::{Secret, Wrong, settings};

/// The longest time for which WeCom looks for the same message, in seconds.
const MOST_INTERVAL: u32 = 4 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "official")]
    base_url: String,
    corp_id: String,
    secret: Secret,
    agent_id: u64,
    #[serde(default)]
    msgtype: Kind,
    #[serde(default = "usual")]
    duplicate_check_interval: u32,
}

fn official() -> String {
    "https://qyapi.weixin.qq.com".to_owned()
}

fn usual() -> u32 {
    1800
}

/// Builds the channel from its settings.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(crate) fn build(name: &str, settings: &Value, wire: &Wire) -> Result<WeCom, Vec<Wrong>> {
    let settings: Settings = settings::read(settings)?;
    let mut wrongs = Vec::new();
    let (corp, secret) = (settings.corp_id.as_str(), settings.secret.reveal());
    for (path, text) in [("/corp_id", corp), ("/secret", secret)] {
        if text.is_empty() {
            wrongs.push(Wrong::new(path, "is empty"));
        }
    }
    if settings.duplicate_check_interval > MOST_INTERVAL {
        let message = format!("is longer than {MOST_INTERVAL} seconds");
        wrongs.push(Wrong::new("/duplicate_check_interval", message));
    }
    let token =
        format!("/cgi-bin/gettoken?corpid={}&corpsecret={}", in_query(corp), in_query(secret));
    let send = "/cgi-bin/message/send?access_token=";
    let account = Account::new(wire, &settings.base_url, &token, send)
        .map_err(|trouble| wrongs.push(Wrong::new("/base_url", trouble.detail)));
    match account {
        Ok(account) if wrongs.is_empty() => Ok(WeCom {
            name: name.to_owned(),
            account,
            agent: settings.agent_id,
            kind: settings.msgtype,
            interval: settings.duplicate_check_interval,
        }),
        _ => Err(wrongs),
    }
}
