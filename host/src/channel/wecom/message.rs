//! What a message looks like, by its kind.

use serde::Serialize;

use crate::channel::template::Escape;
use crate::channel::{Dispatch, Reason, Trouble};

/// Bytes of a text, and of markdown.
const MOST_TEXT: usize = 2048;
/// Bytes of the title of a card.
const MOST_TITLE: usize = 128;
/// Bytes of what a card says.
const MOST_DESCRIPTION: usize = 512;
/// Bytes of a link.
const MOST_LINK: usize = 2048;

/// What kind of message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Text, with the link at its end.
    #[default]
    Text,
    /// Marked text, for WeCom only and not for WeChat.
    Markdown,
    /// A card that leads to the link.
    #[serde(rename = "textcard")]
    TextCard,
    /// A card of the kind `text_notice`.
    TemplateCard,
}

/// A message as it is sent.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) touser: &'a str,
    pub(super) agentid: u64,
    #[serde(flatten)]
    pub(super) content: Content<'a>,
    pub(super) enable_duplicate_check: u8,
    pub(super) duplicate_check_interval: u32,
}

#[derive(Debug, Serialize)]
#[serde(tag = "msgtype", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    Text {
        text: Text,
    },
    Markdown {
        markdown: Text,
    },
    #[serde(rename = "textcard")]
    TextCard {
        textcard: TextCard<'a>,
    },
    TemplateCard {
        template_card: TemplateCard<'a>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Text {
    content: String,
}

#[derive(Debug, Serialize)]
pub(super) struct TextCard<'a> {
    title: &'a str,
    description: String,
    url: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct TemplateCard<'a> {
    card_type: &'static str,
    main_title: MainTitle<'a>,
    sub_title_text: &'a str,
    card_action: CardAction<'a>,
}

#[derive(Debug, Serialize)]
struct MainTitle<'a> {
    title: &'a str,
}

#[derive(Debug, Serialize)]
struct CardAction<'a> {
    r#type: u8,
    url: &'a str,
}

impl Kind {
    /// Writes the message.
    ///
    /// # Errors
    ///
    /// If it is longer than WeCom takes, or a card has nowhere to lead.
    pub(super) fn write(self, dispatch: &Dispatch) -> Result<Content<'_>, Trouble> {
        let content = &dispatch.outgoing.content;
        let link = dispatch.links.read.as_deref().or(content.link.as_deref());
        within(link.unwrap_or_default(), MOST_LINK, "link")?;
        let (title, body) = (content.title.as_str(), content.body.as_str());
        let needed =
            || link.ok_or_else(|| Trouble::new(Reason::Content, "a card needs a link to lead to"));
        Ok(match self {
            Kind::Text => Content::Text { text: Text { content: text(title, body, link)? } },
            Kind::Markdown => {
                Content::Markdown { markdown: Text { content: markdown(title, body, link)? } }
            }
            Kind::TextCard => {
                let mut description = String::with_capacity(body.len());
                Escape::Markup.write(body, &mut description);
                let description = description.replace("\r\n", "<br>").replace('\n', "<br>");
                within(title, MOST_TITLE, "title")?;
                within(&description, MOST_DESCRIPTION, "description")?;
                Content::TextCard { textcard: TextCard { title, description, url: needed()? } }
            }
            Kind::TemplateCard => {
                within(title, MOST_TITLE, "title")?;
                within(body, MOST_DESCRIPTION, "text")?;
                Content::TemplateCard {
                    template_card: TemplateCard {
                        card_type: "text_notice",
                        main_title: MainTitle { title },
                        sub_title_text: body,
                        card_action: CardAction { r#type: 1, url: needed()? },
                    },
                }
            }
        })
    }
}

fn within(text: &str, most: usize, what: &str) -> Result<(), Trouble> {
    if text.len() > most {
        let detail = format!("the {what} is longer than {most} bytes");
        return Err(Trouble::new(Reason::TooLong, detail));
    }
    Ok(())
}

/// Title, body and link, a line each. Texts have links as HTML has: what could begin one is made harmless.
fn text(title: &str, body: &str, link: Option<&str>) -> Result<String, Trouble> {
    let parts = [title, body, link.unwrap_or_default()];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let tag = c == '<' && rest.peek().is_some_and(|next| next.is_alphabetic() || *next == '/');
        plain.push(if tag { '＜' } else { c });
    }
    within(&plain, MOST_TEXT, "text")?;
    Ok(plain)
}

/// Title in bold, body, and a link. What users or tenants wrote is not read as markdown.
fn markdown(title: &str, body: &str, link: Option<&str>) -> Result<String, Trouble> {
    let mut text = String::with_capacity(body.len().saturating_add(256));
    if !title.is_empty() {
        text.push_str("**");
        unmarked(&title.replace(['\r', '\n'], " "), &mut text);
        text.push_str("**\n");
    }
    unmarked(body, &mut text);
    if let Some(link) = link {
        // What would end the link's brackets, or begin something else.
        let link: String = link.chars().filter(|c| !c.is_whitespace()).collect();
        let link = link.replace('(', "%28").replace(')', "%29").replace('<', "%3C");
        text.push_str(&format!("\n[{link}]({link})"));
    }
    within(&text, MOST_TEXT, "text")?;
    Ok(text)
}

/// Text of which nothing is markdown.
fn unmarked(text: &str, out: &mut String) {
    let mut line_begins = true;
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            '#' if line_begins => out.push_str("\\#"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
        line_begins = c == '\n' || (line_begins && c.is_whitespace());
    }
}
