//! The layers, each taken apart into keys and values with their places. It knows where keys may stand and
//! what they are called there; what values may be is not its business.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike, Value};

use super::Overrides;
use super::error::{Place, Problem, plain};
use super::known::{self, Key};

/// How the variables begin.
pub(super) const PREFIX: &str = "NUDGE_";

/// Variables that begin so and are no keys: they belong to the logs, the tests, the tools and clients.
const OTHERS: [&str; 11] = [
    "NUDGE_LOG",
    "NUDGE_LOGS",
    "NUDGE_NATS",
    "NUDGE_C",
    "NUDGE_SDK",
    "NUDGE_KEY",
    "NUDGE_SERVER",
    "NUDGE_SDKS",
    "NUDGE_SEED",
    "NUDGE_SEEDS",
    "NUDGE_CONFIG",
];

/// A value that a layer gives to a key.
pub(super) struct Given {
    pub(super) key: &'static Key,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// A value before it is checked.
pub(super) enum Raw {
    /// From a file: with the type that it was written in.
    Toml(Value),
    /// From elsewhere: text, whatever it means.
    Text(String),
}

/// The default.
pub(super) fn default(text: &str, problems: &mut Vec<Problem>) -> Vec<Given> {
    let given = file("default.toml", text, problems);
    given.into_iter().map(|given| Given { place: Place::Default, ..given }).collect()
}

/// A file.
pub(super) fn file(name: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut reader = Reader { name, text, given: Vec::new(), problems };
    match Document::parse(text) {
        Ok(document) => reader.root(document.as_table()),
        Err(error) => {
            let place = reader.place(error.span().map_or(0, |span| span.start));
            reader.problem(place, plain(error.message(), 300));
        }
    }
    reader.given
}

/// Reads one file.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    given: Vec<Given>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn root(&mut self, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let at = self.key_place(table, name);
            if let Some(below) = item.as_table_like() {
                if known::is_section(name) {
                    self.section(name, below);
                } else if known::find("", name).is_some() {
                    self.problem(at, format!("{name} is a key with a value, not a section"));
                } else {
                    let hint = hint(known::meant_section(name));
                    self.problem(at, format!("{} is no section{hint}", plain(name, 80)));
                }
            } else if known::is_section(name) {
                self.problem(at, format!("{name} is a section: write [{name}] and its keys below"));
            } else {
                self.key("", name, item, at);
            }
        }
    }

    fn section(&mut self, section: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let at = self.key_place(table, name);
            self.key(section, name, item, at);
        }
    }

    fn key(&mut self, section: &str, name: &str, item: &Item, at: Place) {
        let dot = if section.is_empty() { "" } else { "." };
        let path = format!("{section}{dot}{}", plain(name, 80));
        match (known::find(section, name), item) {
            (Some(key), Item::Value(value)) if !value.is_inline_table() => {
                let place = value.span().map_or(at, |span| self.place(span.start));
                self.given.push(Given { key, raw: Raw::Toml(value.clone()), place });
            }
            (Some(_), _) => {
                self.problem(at, format!("{path} is a key with a value, not a section"));
            }
            (None, _) => {
                let section_meant = known::meant_section(name).filter(|_| section.is_empty());
                let hint = match section_meant {
                    Some(section) => hint(Some(&format!("the section [{section}]"))),
                    None => hint(known::meant(section, name).as_deref()),
                };
                self.problem(at, format!("{path} is no key{hint}"));
            }
        }
    }

    fn key_place(&self, table: &dyn TableLike, name: &str) -> Place {
        let span = table.key(name).and_then(toml_edit::Key::span);
        self.place(span.map_or(0, |span| span.start))
    }

    /// Line and column of an offset in bytes.
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
        Place::File { name: self.name.to_owned(), line, column }
    }

    fn problem(&mut self, place: Place, message: String) {
        self.problems.push(Problem { place, message });
    }
}

/// The environment.
pub(super) fn environment(
    env: impl Iterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) -> Vec<Given> {
    // In order of their names: the environment has none, and reports should not change by themselves.
    let variables: BTreeMap<String, String> =
        env.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    let mut given = Vec::new();
    for (name, value) in variables {
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        if let Some(key) = known::by_variable(&name) {
            given.push(Given { key, raw: Raw::Text(value), place: Place::Variable(name) });
            continue;
        }
        let message = if from_kubernetes(&name, &value) {
            "no key has this variable; Kubernetes sets such ones for Services called nudge.., unless the \
             pod's spec says enableServiceLinks: false"
                .to_owned()
        } else {
            format!("no key has this variable{}", hint(known::meant_variable(&name).as_deref()))
        };
        problems.push(Problem { place: Place::Variable(name), message });
    }
    given
}

/// Whether a variable looks like those by which Kubernetes tells pods of services.
fn from_kubernetes(name: &str, value: &str) -> bool {
    let link = value.starts_with("tcp://") || value.starts_with("udp://");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || (name.ends_with("_PORT") && link)
}

/// The command line.
pub(super) fn options(overrides: &Overrides, problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut given = Vec::new();
    let mut give = |key: Option<&'static Key>, text: &str, option: &'static str| {
        let Some(key) = key else { return };
        let raw = Raw::Text(text.to_owned());
        given.push(Given { key, raw, place: Place::Option(option) });
    };
    if let Some(data) = &overrides.data {
        match data.to_str() {
            Some(text) => give(known::find("", "data"), text, "--data"),
            None => problems.push(Problem {
                place: Place::Option("--data"),
                message: "the path is not UTF-8".to_owned(),
            }),
        }
    }
    if let Some(listen) = &overrides.listen {
        give(known::find("", "listen"), listen, "--listen");
    }
    given
}

fn hint(meant: Option<&str>) -> String {
    meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}
