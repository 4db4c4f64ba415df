//! Which column is what: as asked, or by the names that are usual.

use std::sync::Arc;

use super::Options;

/// Usual names of the column that says whose event it is, the surest first; spelt as
/// [`plain`] leaves them.
#[rustfmt::skip]
const USER: &[&str] = &[
    "caseid", "case:concept:name", "case", "user", "userid", "anonymousid", "customer",
    "customerid", "client", "clientid", "session", "sessionid", "visitor", "visitorid", "account",
    "accountid", "member", "memberid", "subscriber", "subscriberid", "contact", "contactid",
    "trace", "traceid", "uid", "distinctid", "profileid", "personid", "applicationid",
];
/// The same for the node.
#[rustfmt::skip]
const NODE: &[&str] = &[
    "node", "activity", "concept:name", "activityname", "event", "eventname", "action", "step",
    "status", "state", "page", "task", "taskname", "stage", "screen", "operation", "activityid",
    "eventtype",
];
/// The same for the time.
#[rustfmt::skip]
const TIME: &[&str] = &[
    "time", "timestamp", "time:timestamp", "at", "date", "datetime", "eventtime",
    "eventtimestamp", "completetimestamp", "completetime", "starttime", "starttimestamp",
    "createdat", "ts", "occurredat", "recordedat", "receivedat", "sentat", "endtime",
];

/// The names that IEEE 1849 lays down; `case:` stands for the trace.
const XES_USER: &str = "case:concept:name";
const XES_NODE: &str = "concept:name";
const XES_TIME: &str = "time:timestamp";

/// One column that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// True if nobody asked for it: it has a usual name.
    pub guessed: bool,
}

/// Which column is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Whose event it is.
    pub user: Column,
    /// Which node the user is at.
    pub node: Column,
    /// When it was.
    pub time: Column,
    /// What kind of event it is; never guessed.
    pub kind: Option<Column>,
}

/// Why there is no such column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It was asked for.
    Asked { flag: &'static str, asked: String },
    /// It was not, and there is none with a usual name.
    Unguessed { role: &'static str, flag: &'static str },
}

/// What a column can be for.
struct Role {
    name: &'static str,
    flag: &'static str,
    usual: &'static [&'static str],
    xes: &'static str,
}

/// Finds the columns among those that `exist`. An XES log has fixed names, and what exists is
/// what its first events happen to have.
pub(super) fn resolve(
    options: &Options,
    exist: &[Arc<str>],
    xes: bool,
) -> Result<Columns, Missing> {
    let given = |name: &str, flag| match exist.iter().find(|column| ***column == *name) {
        Some(column) => Ok(Column { name: Arc::clone(column), guessed: false }),
        None if xes && exist.is_empty() => Ok(Column { name: name.into(), guessed: false }),
        None => Err(Missing::Asked { flag, asked: name.to_owned() }),
    };
    // A column that was given one part to play does not get a second one by guessing.
    let asked = [&options.user, &options.node, &options.time, &options.kind];
    let free = |name: &str| !asked.iter().any(|asked| asked.as_deref() == Some(name));
    let find = |asked: &Option<String>, role: &Role| match asked {
        Some(name) => given(name, role.flag),
        None if xes => Ok(Column { name: role.xes.into(), guessed: true }),
        None => {
            let usual = role.usual.iter().find_map(|usual| {
                let mut free = exist.iter().filter(|column| free(column));
                free.find(|column| plain(column) == *usual)
            });
            match usual {
                Some(column) => Ok(Column { name: Arc::clone(column), guessed: true }),
                None => Err(Missing::Unguessed { role: role.name, flag: role.flag }),
            }
        }
    };
    Ok(Columns {
        user: find(
            &options.user,
            &Role { name: "user", flag: "--user-field", usual: USER, xes: XES_USER },
        )?,
        node: find(
            &options.node,
            &Role { name: "node", flag: "--node-field", usual: NODE, xes: XES_NODE },
        )?,
        time: find(
            &options.time,
            &Role { name: "time", flag: "--time-field", usual: TIME, xes: XES_TIME },
        )?,
        kind: match &options.kind {
            Some(name) => Some(given(name, "--kind-field")?),
            None => None,
        },
    })
}

/// A name without what people spell differently: case, spaces, underscores, hyphens.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn guess(existing: &[&str]) -> Result<[String; 3], Missing> {
        let found = resolve(&Options::default(), &names(existing), false)?;
        assert!(found.user.guessed && found.node.guessed && found.time.guessed);
        Ok([found.user, found.node, found.time].map(|column| column.name.to_string()))
    }

    #[test]
    fn usual_names_are_known_however_they_are_spelt() {
        for user in
            ["case_id", "Case ID", "CASEID", "userId", "anonymousId", "customer-id", "Trace"]
        {
            for node in ["activity", "Activity_Name", "EVENT", "State", "page"] {
                for time in ["timestamp", "Complete Timestamp", "created_at", "TS", "Date-Time"] {
                    assert_eq!(guess(&["x", time, node, user]).unwrap(), [user, node, time]);
                }
            }
        }
    }

    #[test]
    fn the_surest_name_wins_wherever_it_stands() {
        assert_eq!(
            guess(&["user", "case", "case_id", "status", "activity", "date", "time"]).unwrap(),
            ["case_id", "activity", "time"]
        );
    }

    #[test]
    fn the_names_of_each_list_are_plain_and_of_that_list_only() {
        let all: Vec<_> = [USER, NODE, TIME].concat();
        for (n, name) in all.iter().enumerate() {
            assert_eq!(plain(name), *name);
            assert!(!all[n + 1..].contains(name), "{name} is listed twice");
        }
    }

    #[test]
    fn what_is_given_goes_and_is_not_guessed_again() {
        let options = Options {
            node: Some("case".into()),
            time: Some("when".into()),
            kind: Some("sort".into()),
            ..Options::default()
        };
        let found = resolve(&options, &names(&["case", "user", "when", "sort"]), false).unwrap();
        assert_eq!(&*found.user.name, "user");
        assert_eq!(&*found.node.name, "case");
        assert!(found.user.guessed && !found.node.guessed && !found.time.guessed);
        assert_eq!(found.kind.map(|kind| kind.guessed), Some(false));
    }

    #[test]
    fn what_is_missing_is_named() {
        let unguessed = |role, flag| Err(Missing::Unguessed { role, flag });
        assert_eq!(guess(&["node", "time"]), unguessed("user", "--user-field"));
        assert_eq!(guess(&["user", "time"]), unguessed("node", "--node-field"));
        assert_eq!(guess(&["user", "node"]), unguessed("time", "--time-field"));
        let asking = |options: Options| resolve(&options, &names(&["user", "node", "time"]), false);
        for (options, flag) in [
            (Options { user: Some("Who".into()), ..Options::default() }, "--user-field"),
            (Options { kind: Some("Who".into()), ..Options::default() }, "--kind-field"),
        ] {
            let asked = "Who".to_owned();
            assert_eq!(asking(options), Err(Missing::Asked { flag, asked }));
        }
    }

    #[test]
    fn an_xes_log_has_fixed_names() {
        let found = resolve(&Options::default(), &[], true).unwrap();
        assert_eq!(&*found.user.name, "case:concept:name");
        assert_eq!(&*found.node.name, "concept:name");
        assert_eq!(&*found.time.name, "time:timestamp");
        let asked = Options { user: Some("org:resource".into()), ..Options::default() };
        assert!(resolve(&asked, &[], true).is_ok());
        assert!(resolve(&asked, &names(&["concept:name"]), true).is_err());
    }
}
