//! The service's configuration: a commented default, a file, the environment and the command line, one over
//! the other. It reads what it is given and nothing by itself, except the names of variables in
//! [`environment`]; nothing else of the program is known here.
//!
//! Every layer is read and checked key by key, so that whatever is wrong has a place, and all that is wrong
//! is said at once. Only then the typed [`Config`] is made.

mod check;
mod error;
mod known;
mod layers;
mod nearest;
mod sections;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use self::known::{KEYS, Key};
use self::layers::Given;

pub use self::error::{ConfigError, Place, Problem};
pub use self::sections::{
    Config, Delivery, Engine, Feed, Format, Http, Inbox, Ingest, Level, Log, Mailbox, Policies,
    Store,
};

/// The default, which is the documentation too.
const DEFAULT: &str = include_str!("default.toml");

/// What the command line says, over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
}

/// The variables of this process's environment that begin with `NUDGE_`. What is not UTF-8 in them is
/// replaced, and refused where it matters; [`std::env::vars`] would panic.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(name, _)| name.starts_with(layers::PREFIX))
}

impl Config {
    /// Settles the configuration: the default, the file's text, the variables, the command line.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in any of them.
    pub fn load(
        file: Option<(&Path, &str)>,
        env: impl Iterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Config, ConfigError> {
        let mut problems = Vec::new();
        let mut given = layers::default(DEFAULT, &mut problems);
        if let Some((path, text)) = file {
            given.extend(layers::file(&path.to_string_lossy(), text, &mut problems));
        }
        given.extend(layers::environment(env, &mut problems));
        given.extend(layers::options(overrides, &mut problems));

        let settled = settle(given, &mut problems);
        if !problems.is_empty() {
            return Err(ConfigError(problems));
        }
        let document = document(&settled);
        let effective = document.to_string();
        // What the table lets through the types take; a test holds one against the other.
        let config: Config = toml_edit::de::from_document(document).map_err(|error| {
            let message = error::plain(error.message(), 200);
            ConfigError(vec![Problem { place: Place::Default, message }])
        })?;
        let problems = together(&config, &settled);
        if problems.is_empty() {
            Ok(Config { effective, ..config })
        } else {
            Err(ConfigError(problems))
        }
    }

    /// The default with its comments, as a file to begin with.
    #[must_use]
    pub fn default_text() -> &'static str {
        DEFAULT
    }

    /// The configuration as it was settled, as a file without comments, except where each value that is
    /// not the default comes from. No key holds a secret.
    #[must_use]
    pub fn to_toml(&self) -> &str {
        &self.effective
    }
}

/// The values so far, each with its place, by section and name.
type Settled = BTreeMap<(&'static str, &'static str), (Value, Place)>;

/// Lays one value over the other, in the order they were given. Those of lower layers are checked all the
/// same: they would come to light once the upper one goes.
fn settle(given: Vec<Given>, problems: &mut Vec<Problem>) -> Settled {
    let mut settled = Settled::new();
    for Given { key, raw, place } in given {
        match check::check(&key.kind, &raw) {
            Ok(value) => {
                settled.insert((key.section, key.name), (value, place));
            }
            Err(wrong) => {
                // A variable and an option are the key's name; a place in a file is not.
                let message = match place {
                    Place::Default | Place::File { .. } => format!("{}: {wrong}", key.path()),
                    Place::Variable(_) | Place::Option(_) => wrong,
                };
                problems.push(Problem { place, message });
            }
        }
    }
    settled
}

/// The settled values as a document, in the order of the default.
fn document(settled: &Settled) -> DocumentMut {
    let mut document = DocumentMut::new();
    for Key { section, name, .. } in KEYS {
        let Some((value, place)) = settled.get(&(section, name)) else { continue };
        let suffix = match place {
            Place::Default => String::new(),
            place => format!(" # {place}"),
        };
        let value = Item::Value(value.clone().decorated(" ", suffix));
        if section.is_empty() {
            document.insert(name, value);
        } else {
            let table = document.entry(section).or_insert(Item::Table(Table::new()));
            if let Some(table) = table.as_table_mut() {
                table.insert(name, value);
            }
        }
    }
    document
}

/// What is wrong only in combination: the first of two keys must not be more than the second.
fn together(config: &Config, settled: &Settled) -> Vec<Problem> {
    let Config { ingest, mailbox, http, .. } = config;
    let pairs = [
        (
            ingest.item_bytes > ingest.batch_bytes,
            ("ingest", "item_bytes"),
            ("ingest", "batch_bytes"),
            "no batch would hold such an item",
        ),
        (
            ingest.batch_items > ingest.queue_events,
            ("ingest", "batch_items"),
            ("ingest", "queue_events"),
            "such a batch would never be taken",
        ),
        (
            ingest.batch_bytes > ingest.queue_bytes,
            ("ingest", "batch_bytes"),
            ("ingest", "queue_bytes"),
            "such a batch would never be taken",
        ),
        (
            ingest.ack_timeout > http.request_timeout,
            ("ingest", "ack_timeout"),
            ("http", "request_timeout"),
            "the request would end before its answer",
        ),
        (
            http.header_timeout > http.request_timeout,
            ("http", "header_timeout"),
            ("http", "request_timeout"),
            "the head is a part of the request",
        ),
        (
            mailbox.message_bytes as u64 > mailbox.tenant_bytes,
            ("mailbox", "message_bytes"),
            ("mailbox", "tenant_bytes"),
            "such a mail could not be kept",
        ),
        (
            mailbox.per_address > mailbox.connections,
            ("mailbox", "per_address"),
            ("mailbox", "connections"),
            "there are not so many",
        ),
    ];
    let mut problems = Vec::new();
    for (wrong, one, other, why) in pairs {
        let (true, Some((less, at)), Some((more, or_at))) =
            (wrong, settled.get(&one), settled.get(&other))
        else {
            continue;
        };
        // The default is right by itself, so whoever changed one of the two is meant.
        let place = if *at == Place::Default { or_at } else { at };
        problems.push(Problem {
            place: place.clone(),
            message: format!(
                "{}.{} = {} is more than {}.{} = {}: {why}",
                one.0, one.1, less, other.0, other.1, more
            ),
        });
    }
    let listen = settled.get(&("mailbox", "listen")).filter(|_| mailbox.listen.is_some());
    if let Some((listen, at)) = listen.filter(|_| mailbox.domain.is_empty()) {
        problems.push(Problem {
            place: at.clone(),
            message: format!(
                "mailbox.listen = {listen} needs mailbox.domain: without it no mailbox has an address"
            ),
        });
    }
    problems
}
