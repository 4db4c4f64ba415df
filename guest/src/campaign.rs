//! The marketing-event framework's part that every audience shares: parameters read key by key, so that
//! all that is wrong with them is told at once, and the stored text or file that a message is composed with.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::features::is_link;
use crate::{Campaign, Data, Features, Importance, Issues, Value, given, pointer, unnameable};

/// Files that one message can name.
const MOST_FILES: usize = 8;

/// The parameters of a campaign, a JSON document, and what is wrong with them so far.
#[derive(Debug)]
pub struct Parameters {
    left: Map<String, Json>,
    known: Vec<&'static str>,
    issues: Issues,
}

impl Parameters {
    /// Reads the document.
    ///
    /// # Errors
    ///
    /// It is no JSON object.
    pub fn read(text: &str) -> Result<Parameters, Issues> {
        let left = crate::parse::<Map<String, Json>>(text)?;
        Ok(Parameters { left, known: Vec::new(), issues: Issues::default() })
    }

    /// A parameter that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        if !self.left.contains_key(name) {
            self.known.push(name);
            self.issues.at(pointer([name]), "is missing");
            return None;
        }
        self.optional(name)
    }

    /// A parameter that may be left out.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let json = self.json(name)?;
        match crate::settings::from_json(json) {
            Ok(value) => Some(value),
            Err((below, message)) => {
                self.issues.at(pointer([name]) + &below, message);
                None
            }
        }
    }

    /// A parameter as it stands.
    pub fn json(&mut self, name: &'static str) -> Option<Json> {
        self.known.push(name);
        self.left.remove(name)
    }

    /// What is wrong so far, to add to.
    pub fn issues(&mut self) -> &mut Issues {
        &mut self.issues
    }

    /// What every campaign has: `name`, `message`, `importance`, `data`, and `content`, the stored text or
    /// file, which becomes message data, too: `subject`, `text`, `file`, `file_url`. Beside it there is
    /// what the policy itself has `given`. The event type and the standard are left to the policy.
    pub fn campaign(&mut self, features: &Features, given: Data) -> Campaign {
        let name = self.named("name", "a campaign needs a name");
        let message = self.named("message", "name a message of the contents");
        let importance: Option<Importance> = self.optional("importance");
        let mut data = given;
        if let Some(stored) = self.optional::<Stored>("content") {
            stored.check(&mut self.issues);
            data.extend(stored.data());
        }
        for (name, value) in self.optional::<BTreeMap<String, Value>>("data").unwrap_or_default() {
            let path = || pointer(["data", &name]);
            if let Some(why) = unnameable(&name) {
                self.issues.at(path(), why);
            } else if is_of_content(&name) || data.iter().any(|(n, _)| *n == name) {
                self.issues.at(path(), format!("{name:?} is there already: give it another name"));
            } else if features.has(&name) {
                self.issues.at(path(), format!("{name:?} is a feature, too: give it another name"));
            } else {
                data.push((name, value));
            }
        }
        Campaign {
            name,
            event_type: String::new(),
            message,
            importance: importance.unwrap_or_default(),
            standard: String::new(),
            data,
        }
    }

    fn named(&mut self, name: &'static str, none: &str) -> String {
        let text: Option<String> = self.required(name);
        if text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            self.issues.at(pointer([name]), none);
        }
        text.unwrap_or_default()
    }

    /// `value`, if nothing is wrong, unknown parameters included.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn or<T>(mut self, value: T) -> Result<T, Issues> {
        for name in self.left.keys() {
            let known = self.known.join(", ");
            let message = format!("is no parameter of a campaign: there are {known}");
            self.issues.at(pointer([name.as_str()]), message);
        }
        self.issues.or(value)
    }
}

/// Whether a name of message data is one that stored content has, so that nothing else can have it.
#[must_use]
pub fn is_of_content(name: &str) -> bool {
    matches!(name, "subject" | "text" | "file") || name.starts_with("file_")
}

/// A stored text or file, as the content mailbox keeps it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, deserialize_with = "given")]
    subject: Option<String>,
    #[serde(default, deserialize_with = "given")]
    text: Option<String>,
    #[serde(default)]
    files: Vec<StoredFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFile {
    name: String,
    url: String,
}

impl Stored {
    fn check(&self, issues: &mut Issues) {
        if self.text.is_none() && self.files.is_empty() {
            issues.at("/content", "has neither a text nor a file");
        }
        if self.files.len() > MOST_FILES {
            let message = format!("{} files, and at most {MOST_FILES}", self.files.len());
            issues.at("/content/files", message);
        }
        for (at, file) in self.files.iter().enumerate() {
            let path = |part| pointer(["content", "files", &at.to_string(), part]);
            if file.name.trim().is_empty() {
                issues.at(path("name"), "a file needs a name");
            }
            if !is_link(&file.url) {
                issues.at(path("url"), "is not an address that begins with https:// or http://");
            }
        }
    }

    /// `file` and `file_url` are the first file's; further ones have a number, `file_2` and `file_2_url`.
    fn data(self) -> Data {
        let mut data = Data::new();
        data.extend(self.subject.map(|subject| ("subject".to_owned(), subject.into())));
        data.extend(self.text.map(|text| ("text".to_owned(), text.into())));
        for (at, file) in self.files.into_iter().enumerate() {
            let name = if at == 0 { "file".to_owned() } else { format!("file_{}", at + 1) };
            data.push((format!("{name}_url"), file.url.into()));
            data.push((name, file.name.into()));
        }
        data
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Needs;

    fn read(text: &str) -> Result<Campaign, Vec<(String, String)>> {
        let features = serde_json::from_str(r#"{"city": {"field": "city"}}"#)
            .map(|f| Features::new(&f, &mut Needs::default()));
        let list = |issues: Issues| -> Vec<(String, String)> {
            issues.iter().map(|(path, said)| (path.to_owned(), said.to_owned())).collect()
        };
        let mut parameters = Parameters::read(text).map_err(list)?;
        let given = vec![("days".to_owned(), Value::Integer(30))];
        let campaign = parameters.campaign(&features.unwrap(), given);
        parameters.or(campaign).map_err(list)
    }

    #[test]
    fn content_and_data_become_message_data() {
        let campaign = read(
            r#"{
                "name": "n", "message": "m", "importance": "high", "data": {"what": "it", "of": 2},
                "content": {"subject": "s", "text": "t", "files": [
                    {"name": "a.pdf", "url": "https://x.example/a"},
                    {"name": "b.pdf", "url": "http://x.example/b"}
                ]}
            }"#,
        )
        .unwrap();
        assert_eq!((&*campaign.name, &*campaign.message), ("n", "m"));
        assert_eq!(campaign.importance, Importance::High);
        let data: Vec<String> =
            campaign.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let want = [
            "days=30",
            "subject=s",
            "text=t",
            "file_url=https://x.example/a",
            "file=a.pdf",
            "file_2_url=http://x.example/b",
            "file_2=b.pdf",
            "of=2",
            "what=it",
        ];
        assert_eq!(data, want);
        let least = read(r#"{"name": "n", "message": "m"}"#).unwrap();
        assert_eq!((least.importance, least.data.len()), (Importance::Normal, 1));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_each_at_its_place() {
        let issues = read(
            r#"{
                "name": " ", "importance": "max", "mesage": "m",
                "data": {"a}": 1, "city": 1, "days": 1, "text": 1, "file_3": 1},
                "content": {"files": [{"name": "", "url": "ftp://x"}]}
            }"#,
        )
        .unwrap_err();
        let paths: Vec<&str> = issues.iter().map(|(path, _)| &**path).collect();
        assert_eq!(
            paths,
            [
                "/name",
                "/message",
                "/importance",
                "/content/files/0/name",
                "/content/files/0/url",
                "/data/a}",
                "/data/city",
                "/data/days",
                "/data/file_3",
                "/data/text",
                "/mesage",
            ]
        );
        for (text, path) in [
            (r#"{"name": 5, "message": "m"}"#, "/name"),
            (r#"{"name": null, "message": "m"}"#, "/name"),
            (r#"{"name": "n", "message": "m", "content": {}}"#, "/content"),
            (r#"{"name": "n", "message": "m", "content": null}"#, "/content"),
            (r#"{"name": "n", "message": "m", "content": {"text": 5}}"#, "/content/text"),
            (r#"{"name": "n", "message": "m", "content": {"txt": ""}}"#, "/content/txt"),
            (r#"{"name": "n", "message": "m", "data": {"x": []}}"#, "/data/x"),
            ("[]", ""),
            ("{", ""),
        ] {
            let issues = read(text).unwrap_err();
            assert_eq!(
                issues.iter().map(|(path, _)| &**path).collect::<Vec<_>>(),
                [path],
                "{text}"
            );
        }
        let files = [r#"{"name": "a", "url": "https://x"}"#; 9].join(", ");
        let text = format!(r#"{{"name": "n", "message": "m", "content": {{"files": [{files}]}}}}"#);
        assert_eq!(read(&text).unwrap_err()[0].0, "/content/files");
    }
}
