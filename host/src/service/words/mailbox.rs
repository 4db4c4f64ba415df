//! Mailboxes and what is in them, as they are seen from outside.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A mailbox to be set up.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMailbox {
    /// Who may send mail to it: addresses, or `*@` and a domain. Both the envelope and the header From have to
    /// be among them. With none it takes no mail, only uploads.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["ann@example.com", "*@shop.example"]))]
    pub senders: Vec<String>,
    /// Bytes of a mail or an upload, if that is to be less than the service takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_bytes: Option<usize>,
}

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MailboxInfo {
    /// Its name.
    pub name: String,
    /// Where mail for it goes; absent if the service takes no mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Who may send mail to it.
    pub senders: Vec<String>,
    /// Bytes of a mail or an upload that it takes.
    pub max_bytes: usize,
    /// How many contents it has.
    pub contents: usize,
    /// When it was set up, in milliseconds since 1970 UTC.
    pub created: i64,
    /// When it was last changed.
    pub changed: i64,
}

/// What was sent to a mailbox: a text, files, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContentInfo {
    /// Its number; later ones have higher ones.
    pub id: u64,
    /// The mailbox.
    pub mailbox: String,
    /// Its subject; may be empty.
    pub subject: String,
    /// Its text; may be empty.
    pub text: String,
    /// Its files.
    pub files: Vec<FileInfo>,
    /// Who sent it; absent if it was uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The SHA-256 over subject, text and files, in hexadecimal.
    pub sha256: String,
}

/// A file of a content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileInfo {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Where everybody who knows it can get the file, as long as a content has it. A path only, if the service
    /// has no `public_url`: messages cannot lead there then.
    pub url: String,
}
