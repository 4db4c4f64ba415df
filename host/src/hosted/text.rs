//! What the pages say, in the languages they are written in.

#[cfg(test)]
mod tests;

/// A language that the pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, also for whoever reads none of the others.
    #[default]
    English,
    /// German.
    German,
    /// Chinese in simplified characters.
    Chinese,
    /// Chinese in traditional characters.
    TraditionalChinese,
}

/// Bytes of a locale or a language header that are looked at.
const MOST_BYTES: usize = 1_000;

impl Language {
    /// The language for somebody with this locale, a BCP 47 tag that may be empty, or else with this header
    /// `Accept-Language`. English if neither names one that there is.
    #[must_use]
    pub fn of(locale: &str, accept_language: Option<&str>) -> Language {
        let accepted = || accept_language.and_then(accepted);
        Language::tagged(locale).or_else(accepted).unwrap_or_default()
    }

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
            Language::Chinese => "zh-Hans",
            Language::TraditionalChinese => "zh-Hant",
        }
    }

    /// Which way it is written, as HTML says it. There is none yet that is written from right to left.
    pub(super) fn direction(self) -> &'static str {
        "ltr"
    }

    /// What the pages say in it.
    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::Chinese => &CHINESE,
            Language::TraditionalChinese => &TRADITIONAL_CHINESE,
        }
    }

    /// What people call a channel; nothing if they call it by its name.
    pub(super) fn channel(self, name: &str) -> Option<&'static str> {
        let (_, called) = CHANNELS.iter().find(|(other, _)| *other == name)?;
        let [english, german, chinese, traditional] = *called;
        Some(match self {
            Language::English => english,
            Language::German => german,
            Language::Chinese => chinese,
            Language::TraditionalChinese => traditional,
        })
    }

    fn tagged(tag: &str) -> Option<Language> {
        // Some write locales as systems do: `zh_CN.UTF-8`.
        let tag = beginning(tag).split('.').next().unwrap_or_default().to_ascii_lowercase();
        let mut parts = tag.split(['-', '_']);
        match parts.next()? {
            "en" => Some(Language::English),
            "de" => Some(Language::German),
            "zh" => Some(match parts.find(|part| CHARACTERS.contains(part)) {
                Some("hans") | None => Language::Chinese,
                Some(_) => Language::TraditionalChinese,
            }),
            _ => None,
        }
    }
}

/// Parts of a Chinese tag that say in which characters it is written.
const CHARACTERS: [&str; 5] = ["hans", "hant", "tw", "hk", "mo"];

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default()
}

/// The first of the best languages of a header that there is.
fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for item in beginning(header).split(',') {
        let mut parts = item.split(';').map(str::trim);
        let Some(language) = parts.next().and_then(Language::tagged) else { continue };
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let quality = quality.map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let better = best.is_none_or(|(other, _)| quality > other);
        if better && quality > 0.0 && quality <= 1.0 {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

/// Names of channels, and what people call them in each language.
const CHANNELS: [(&str, [&str; 4]); 13] = [
    ("email", ["Email", "E-Mail", "电子邮件", "電子郵件"]),
    ("smtp", ["Email", "E-Mail", "电子邮件", "電子郵件"]),
    ("sms", ["Text message", "SMS", "短信", "簡訊"]),
    ("push", ["App", "App", "应用推送", "App 推播"]),
    ("app", ["App", "App", "应用", "App"]),
    ("in-app", ["In the app", "In der App", "应用内", "App 內"]),
    ("web-push", ["Browser", "Browser", "浏览器", "瀏覽器"]),
    ("voice", ["Phone call", "Anruf", "电话", "電話"]),
    ("feishu", ["Feishu", "Feishu", "飞书", "飛書"]),
    ("lark", ["Lark", "Lark", "Lark", "Lark"]),
    ("wecom", ["WeCom", "WeCom", "企业微信", "企業微信"]),
    ("wechat", ["WeChat", "WeChat", "微信", "微信"]),
    ("dingtalk", ["DingTalk", "DingTalk", "钉钉", "釘釘"]),
];

/// What the pages say. Names in braces are filled in.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) preferences_title: &'static str,
    /// Names `{sender}`.
    pub(super) preferences_heading: &'static str,
    pub(super) preferences_intro: &'static str,
    pub(super) saved: &'static str,
    pub(super) always: &'static str,
    pub(super) no_topics: &'static str,
    /// Names `{from}`, `{to}` and `{zone}`.
    pub(super) quiet: &'static str,
    pub(super) save: &'static str,
    pub(super) everything_heading: &'static str,
    pub(super) everything: &'static str,
    pub(super) everything_required: &'static str,
    pub(super) everything_button: &'static str,
    pub(super) unsubscribe_title: &'static str,
    pub(super) unsubscribe_heading: &'static str,
    pub(super) unsubscribe_intro: &'static str,
    pub(super) unsubscribe_button: &'static str,
    pub(super) sender: &'static str,
    pub(super) topic: &'static str,
    pub(super) every_topic: &'static str,
    pub(super) channel: &'static str,
    pub(super) every_channel: &'static str,
    pub(super) choose: &'static str,
    pub(super) unsubscribed_title: &'static str,
    pub(super) unsubscribed_heading: &'static str,
    pub(super) unsubscribed_intro: &'static str,
    pub(super) undo: &'static str,
    pub(super) read_button: &'static str,
    pub(super) open: &'static str,
    pub(super) thanks_title: &'static str,
    pub(super) thanks_heading: &'static str,
    /// Names `{sender}`.
    pub(super) thanks: &'static str,
    pub(super) unknown_title: &'static str,
    pub(super) unknown_heading: &'static str,
    pub(super) unknown: &'static str,
}

const ENGLISH: Texts = Texts {
    preferences_title: "Message settings",
    preferences_heading: "What may {sender} send you?",
    preferences_intro: "Choose what reaches you, and how.",
    saved: "Your choice is saved.",
    always: "These messages are always sent.",
    no_topics: "There is nothing to choose here at the moment.",
    quiet: "From {from} to {to} ({zone}) you are left in peace, unless it is urgent.",
    save: "Save",
    everything_heading: "No more messages?",
    everything: "One click, and nothing more is sent to you.",
    everything_required: "One click, and only what is always sent still reaches you.",
    everything_button: "Unsubscribe from everything",
    unsubscribe_title: "Unsubscribe",
    unsubscribe_heading: "Unsubscribe?",
    unsubscribe_intro: "You will no longer receive:",
    unsubscribe_button: "Unsubscribe",
    sender: "From",
    topic: "Topic",
    every_topic: "All messages",
    channel: "By",
    every_channel: "Every channel",
    choose: "Choose what reaches you",
    unsubscribed_title: "Unsubscribed",
    unsubscribed_heading: "You are unsubscribed",
    unsubscribed_intro: "You no longer receive:",
    undo: "Undo",
    read_button: "I have read this",
    open: "Learn more",
    thanks_title: "Thank you",
    thanks_heading: "Thank you",
    thanks: "{sender} now knows that you have read this.",
    unknown_title: "Link not valid",
    unknown_heading: "This link does not work",
    unknown: "It may be too old, or a part of it is missing. Please use the link in a newer message.",
};

const GERMAN: Texts = Texts {
    preferences_title: "Einstellungen für Nachrichten",
    preferences_heading: "Was darf {sender} Ihnen senden?",
    preferences_intro: "Wählen Sie, was Sie erreicht und auf welchem Weg.",
    saved: "Ihre Auswahl ist gespeichert.",
    always: "Diese Nachrichten werden immer gesendet.",
    no_topics: "Hier gibt es zurzeit nichts auszuwählen.",
    quiet: "Von {from} bis {to} Uhr ({zone}) haben Sie Ruhe, außer es ist dringend.",
    save: "Speichern",
    everything_heading: "Keine Nachrichten mehr?",
    everything: "Ein Klick, und Sie erhalten nichts mehr.",
    everything_required: "Ein Klick, und Sie erhalten nur noch, was immer gesendet wird.",
    everything_button: "Alles abbestellen",
    unsubscribe_title: "Abbestellen",
    unsubscribe_heading: "Abbestellen?",
    unsubscribe_intro: "Sie erhalten dann nicht mehr:",
    unsubscribe_button: "Abbestellen",
    sender: "Von",
    topic: "Thema",
    every_topic: "Alle Nachrichten",
    channel: "Über",
    every_channel: "Alle Kanäle",
    choose: "Auswählen, was Sie erreicht",
    unsubscribed_title: "Abbestellt",
    unsubscribed_heading: "Sie haben abbestellt",
    unsubscribed_intro: "Sie erhalten nicht mehr:",
    undo: "Rückgängig machen",
    read_button: "Ich habe das gelesen",
    open: "Mehr erfahren",
    thanks_title: "Danke",
    thanks_heading: "Vielen Dank",
    thanks: "{sender} weiß jetzt, dass Sie das gelesen haben.",
    unknown_title: "Link ungültig",
    unknown_heading: "Dieser Link funktioniert nicht",
    unknown: "Er ist vielleicht zu alt oder unvollständig. Bitte nutzen Sie den Link in einer neueren Nachricht.",
};

const CHINESE: Texts = Texts {
    preferences_title: "消息设置",
    preferences_heading: "您愿意收到{sender}的哪些消息？",
    preferences_intro: "请选择要接收的内容和方式。",
    saved: "您的选择已保存。",
    always: "这类消息始终会发送。",
    no_topics: "目前没有可选择的内容。",
    quiet: "{from} 至 {to}（{zone}）不会打扰您，紧急消息除外。",
    save: "保存",
    everything_heading: "不想再收到消息？",
    everything: "点击一次，您将不再收到任何消息。",
    everything_required: "点击一次，您只会收到始终发送的消息。",
    everything_button: "退订全部消息",
    unsubscribe_title: "退订",
    unsubscribe_heading: "确定要退订吗？",
    unsubscribe_intro: "退订后，您将不再收到：",
    unsubscribe_button: "退订",
    sender: "发送方",
    topic: "主题",
    every_topic: "全部消息",
    channel: "方式",
    every_channel: "所有方式",
    choose: "选择要接收的内容",
    unsubscribed_title: "已退订",
    unsubscribed_heading: "您已退订",
    unsubscribed_intro: "您不会再收到：",
    undo: "撤销",
    read_button: "我已阅读",
    open: "了解更多",
    thanks_title: "谢谢",
    thanks_heading: "谢谢",
    thanks: "{sender}已知道您读过这条消息。",
    unknown_title: "链接无效",
    unknown_heading: "此链接无法使用",
    unknown: "链接可能已过期或不完整。请使用较新消息中的链接。",
};

const TRADITIONAL_CHINESE: Texts = Texts {
    preferences_title: "訊息設定",
    preferences_heading: "您願意收到{sender}的哪些訊息？",
    preferences_intro: "請選擇要接收的內容和方式。",
    saved: "您的選擇已儲存。",
    always: "這類訊息一律會傳送。",
    no_topics: "目前沒有可選擇的內容。",
    quiet: "{from} 至 {to}（{zone}）不會打擾您，緊急訊息除外。",
    save: "儲存",
    everything_heading: "不想再收到訊息？",
    everything: "按一下，您將不再收到任何訊息。",
    everything_required: "按一下，您只會收到一律傳送的訊息。",
    everything_button: "取消訂閱全部訊息",
    unsubscribe_title: "取消訂閱",
    unsubscribe_heading: "確定要取消訂閱嗎？",
    unsubscribe_intro: "取消訂閱後，您將不再收到：",
    unsubscribe_button: "取消訂閱",
    sender: "寄件者",
    topic: "主題",
    every_topic: "全部訊息",
    channel: "方式",
    every_channel: "所有方式",
    choose: "選擇要接收的內容",
    unsubscribed_title: "已取消訂閱",
    unsubscribed_heading: "您已取消訂閱",
    unsubscribed_intro: "您不會再收到：",
    undo: "復原",
    read_button: "我已閱讀",
    open: "瞭解更多",
    thanks_title: "謝謝",
    thanks_heading: "謝謝",
    thanks: "{sender}已知道您讀過這則訊息。",
    unknown_title: "連結無效",
    unknown_heading: "此連結無法使用",
    unknown: "連結可能已過期或不完整。請使用較新訊息中的連結。",
};
