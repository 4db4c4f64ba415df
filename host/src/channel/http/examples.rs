//! Complete settings for well-known providers, for tenants to start from.

/// Settings by the name of their provider, as JSON.
pub(crate) fn examples() -> [(&'static str, &'static str); 3] {
    [("toutiao", TOUTIAO), ("dingtalk", DINGTALK), ("feishu", FEISHU)]
}

/// Subscription messages of Toutiao mini programs. The address is the user's open id; the names below `data` are
/// those of the tenant's message template.
pub(crate) const TOUTIAO: &str = r#"{
  "url": "https://developer.toutiao.com/api/apps/subscribe_notification/developer/v1/notify",
  "body": {
    "access_token": "{{token}}",
    "app_id": "{{secret.app_id}}",
    "tpl_id": "{{secret.tpl_id}}",
    "open_id": "{{address}}",
    "page": "pages/message/index?link={{url read}}",
    "data": { "标题": "{{title}}", "内容": "{{body}}" }
  },
  "secrets": { "app_id": "tt0000000000000000", "app_secret": "app-secret", "tpl_id": "MSG0000" },
  "token": {
    "url": "https://developer.toutiao.com/api/apps/v2/token",
    "body": {
      "appid": "{{secret.app_id}}",
      "secret": "{{secret.app_secret}}",
      "grant_type": "client_credential"
    },
    "path": "/data/access_token",
    "expires_path": "/data/expires_in",
    "refused": { "path": "/err_no", "equals": [28001003, 28001008, 40002] }
  },
  "ok": { "status": [200], "path": "/err_no", "equals": [0] },
  "unsubscribed": { "path": "/err_no", "equals": [28014043] },
  "denied": { "path": "/err_no", "equals": [1009] },
  "retry": { "path": "/err_no", "equals": [-1, 1010, 2000, 28006003] },
  "detail": "/err_tips"
}"#;

/// A robot in a group of DingTalk, with a signature.
pub(crate) const DINGTALK: &str = r#"{
  "url": "https://oapi.dingtalk.com/robot/send?access_token={{secret.access_token}}&timestamp={{timestamp}}&sign={{sign}}",
  "body": {
    "msgtype": "link",
    "link": { "title": "{{title}}", "text": "{{body}}", "messageUrl": "{{read}}", "picUrl": "" }
  },
  "secrets": { "access_token": "robot-access-token", "sign": "SEC0000" },
  "sign": { "kind": "dingtalk", "secret": "sign" },
  "ok": { "status": [200], "path": "/errcode", "equals": [0] },
  "denied": { "path": "/errcode", "equals": [300001, 300005, 310000] },
  "retry": { "path": "/errcode", "equals": [-1, 130101, 410100] },
  "detail": "/errmsg"
}"#;

/// A robot in a group of Feishu, with a signature.
pub(crate) const FEISHU: &str = r#"{
  "url": "https://open.feishu.cn/open-apis/bot/v2/hook/{{secret.hook}}",
  "body": {
    "timestamp": "{{timestamp}}",
    "sign": "{{sign}}",
    "msg_type": "post",
    "content": {
      "post": {
        "zh_cn": {
          "title": "{{title}}",
          "content": [
            [{ "tag": "text", "text": "{{body}} " }, { "tag": "a", "text": "…", "href": "{{read}}" }]
          ]
        }
      }
    }
  },
  "secrets": { "hook": "robot-hook", "sign": "feishu-sign" },
  "sign": { "kind": "feishu", "secret": "sign" },
  "ok": { "path": "/code", "equals": [0] },
  "denied": { "path": "/code", "equals": [19001, 19021, 19022] },
  "retry": { "path": "/code", "equals": [11232] },
  "detail": "/msg"
}"#;
