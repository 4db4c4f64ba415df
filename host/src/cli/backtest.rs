//! `nudge backtest`: two strategies over the same past.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::logs::{self, Logs};
use super::replay::{PolicySum, policy_sums, threads};
use super::{Done, output, picture};
use crate::backtest::{Comparing, Counts, Difference, Kind, Person, Under, Users};
use crate::engine::Engine;
use crate::page::Page;
use crate::replay::{self, Counting, Events, Portrait, Report};
use crate::strategy::{self, Loaded, Named};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nudge backtest events.csv.gz --old live.toml --new next.toml
  nudge backtest may.ndjson june.ndjson --old live.toml --new next.toml --html difference.html
  nudge backtest log.xes --old a.toml --new b.toml --json --out changes.ndjson

Both strategies run over the same events in virtual time, as `nudge replay` runs one, and every message is \
compared: one about the same visit (policy label, node, when it began) is the same, or changed if its \
text, importance, time or channels differ. The past is taken as it happened: nobody's reaction to messages \
that were not sent then is simulated.

Exit codes: 0 all is well, whatever differs; 1 it ran, and some rows could not be read or a policy failed; \
2 it could not run.")]
pub(super) struct Arguments {
    #[command(flatten)]
    logs: Logs,
    /// The strategy as it is, in TOML or JSON
    #[arg(long, value_name = "FILE")]
    old: PathBuf,
    /// The strategy as it would be
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// How many of the users for whom something changes are shown
    #[arg(long, value_name = "N", default_value_t = 12)]
    sample: usize,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Write a page with pictures to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write every message that differs to this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads that evaluate; changes nothing but the time it takes [default: one a processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// One strategy, and what is being counted of it.
struct Side {
    name: String,
    policies: Vec<Named>,
    channels: Vec<Arc<str>>,
    counting: Counting<std::io::Sink>,
    portrait: Portrait,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let sandbox = output::sandbox()?;
    let old = strategy::load(&arguments.old, &sandbox)?;
    let new = strategy::load(&arguments.new, &sandbox)?;
    let events = logs::read_for(&arguments.logs, &[&old.strategy, &new.strategy])?;
    let Events { users, count, bad, first, last } = events;
    let mut out = match &arguments.out {
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let side = |loaded: Loaded| {
        let Loaded { strategy, name, policies, .. } = loaded;
        let channels = strategy.channels();
        let costs = channels.iter().map(|channel| (channel.name.clone(), channel.cost));
        let side = Side {
            name,
            policies,
            channels: channels.iter().map(|channel| channel.name.clone()).collect(),
            counting: Counting::new(costs, None),
            portrait: Portrait::new(&strategy, last),
        };
        (side, Engine::new(strategy))
    };
    let (mut old, old_engine) = side(old);
    let (mut new, new_engine) = side(new);
    let user_count = users.len() as u64;
    let bar = logs::bar(user_count, "deciding", "users");
    let mut comparing = Comparing::new(arguments.sample);
    let how = replay::Run { threads: threads(arguments.threads) };
    replay::run_both((&old_engine, &new_engine), users, last, how, |a, b| {
        bar.inc(1);
        old.counting.take(&a)?;
        new.counting.take(&b)?;
        old.portrait.take(&a);
        new.portrait.take(&b);
        for change in comparing.take(&a, &b) {
            if let Some(out) = &mut out {
                serde_json::to_writer(&mut *out, &change)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    })
    .context("the backtest stopped")?;
    bar.finish_and_clear();
    if let Some(mut out) = out {
        out.flush().with_context(|| "the changes could not be written")?;
    }
    let difference = comparing.finish();
    let finish = |counting: Counting<_>| counting.finish().context("the decisions");
    let (old_report, old_digest) = finish(old.counting)?;
    let (new_report, new_digest) = finish(new.counting)?;
    if let Some(path) = &arguments.html {
        let past = picture::past(count, user_count, first, last);
        let (old_name, new_name) = (format!("old: {}", old.name), format!("new: {}", new.name));
        let drawn = |side: (&[Named], &[Arc<str>], &Portrait), name, report| {
            picture::side(name, side.0, side.1, report, side.2)
        };
        let olds = (&*old.policies, &*old.channels, &old.portrait);
        let news = (&*new.policies, &*new.channels, &new.portrait);
        let page = Page {
            title: format!("{}: backtest", new.name),
            past,
            sides: vec![drawn(olds, old_name, &old_report), drawn(news, new_name, &new_report)],
            difference: Some(picture::difference(&difference)),
        };
        picture::write(path, &page)?;
    }
    let sum = Sum {
        events: count,
        users: user_count,
        bad_rows: bad,
        from: first.to_string(),
        to: last.to_string(),
        old: SideSum {
            strategy: &old.name,
            policies: policy_sums(&old.policies),
            report: old_report,
            digest: old_digest,
        },
        new: SideSum {
            strategy: &new.name,
            policies: policy_sums(&new.policies),
            report: new_report,
            digest: new_digest,
        },
        difference,
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&sum)? + "\n"
    } else {
        output::plain(&sum.text(arguments.out.as_deref(), arguments.html.as_deref()))
    })?;
    let faults = !sum.old.report.faults.is_empty() || !sum.new.report.faults.is_empty();
    Ok(if bad > 0 || faults { Done::Wrong } else { Done::Well })
}

/// The result, as `--json` prints it.
#[derive(Serialize)]
struct Sum<'a> {
    events: u64,
    users: u64,
    bad_rows: u64,
    from: String,
    to: String,
    old: SideSum<'a>,
    new: SideSum<'a>,
    difference: Difference,
}

#[derive(Serialize)]
struct SideSum<'a> {
    strategy: &'a str,
    policies: Vec<PolicySum<'a>>,
    #[serde(flatten)]
    report: Report,
    digest: String,
}

impl Sum<'_> {
    fn text(&self, out: Option<&Path>, html: Option<&Path>) -> String {
        use output::{count, several, table};
        let mut text = format!(
            "{} of {}, {} to {}\n\n",
            several(self.events, "event"),
            several(self.users, "user"),
            self.from,
            self.to
        );
        let Users { gain, lose, change, same, none } = self.difference.users;
        text += &table(
            &["who", "users"],
            [
                ("get messages only under the new", gain),
                ("got messages only under the old", lose),
                ("get other messages", change),
                ("get the same messages", same),
                ("get none", none),
            ]
            .map(|(who, users)| vec![who.to_owned(), count(users)]),
        );
        text.push('\n');
        text += &self.nodes();
        text.push('\n');
        text += &self.channels();
        let (old, new) = (&self.old.report, &self.new.report);
        text += &format!(
            "\nold {}: {} in {}, for {:.2}, {} converted\nnew {}: {} in {}, for {:.2}, {} converted\n",
            self.old.strategy,
            several(old.messages, "message"),
            several(old.sends, "attempt"),
            old.cost,
            count(old.converted),
            self.new.strategy,
            several(new.messages, "message"),
            several(new.sends, "attempt"),
            new.cost,
            count(new.converted),
        );
        for person in &self.difference.sample {
            text += &shown(person);
        }
        for (which, report) in [("old", old), ("new", new)] {
            for (fault, number) in &report.faults {
                let many = several(*number, "question");
                text += &format!("{which}: {many} without an answer: {fault}\n");
            }
        }
        if self.bad_rows > 0 {
            text += &format!("{} could not be read\n", several(self.bad_rows, "row"));
        }
        if let Some(out) = out {
            text += &format!("\nevery message that differs is in {}\n", out.display());
        }
        if let Some(html) = html {
            text += &format!("\nthe page is {}\n", html.display());
        }
        text
    }

    fn nodes(&self) -> String {
        use output::count;
        let (old, new) = (&self.old.report.nodes, &self.new.report.nodes);
        let mut names: Vec<&Arc<str>> = old.keys().chain(new.keys()).collect();
        names.sort();
        names.dedup();
        let rows = names.into_iter().filter_map(|name| {
            let (a, b) = (old.get(name), new.get(name));
            let of = |node: Option<&replay::Node>, field: fn(&replay::Node) -> u64| {
                node.map(field).unwrap_or_default()
            };
            let Counts { gained, lost, changed, same } =
                self.difference.nodes.get(name).copied().unwrap_or_default();
            let stalled = (of(a, |n| n.stalled), of(b, |n| n.stalled));
            // Nodes at which nothing is ever said only fill the page.
            if stalled == (0, 0) && gained + lost + changed + same == 0 {
                return None;
            }
            let numbers = [stalled.0, stalled.1, of(a, |n| n.messages), of(b, |n| n.messages)];
            let row = [name.to_string()].into_iter().chain(numbers.map(count));
            let marks = [("+", gained), ("-", lost), ("", changed), ("", same)];
            Some(row.chain(marks.map(|(sign, n)| signed(sign, n))).collect())
        });
        let header = ["node", "stalled", "", "messages", "", "gained", "lost", "changed", "same"];
        output::table(&header, rows)
    }

    fn channels(&self) -> String {
        use output::count;
        let (old, new) = (&self.old.report.channels, &self.new.report.channels);
        let mut names: Vec<&Arc<str>> = old.keys().chain(new.keys()).collect();
        names.sort();
        names.dedup();
        let rows = names.into_iter().map(|name| {
            let (a, b) = (
                old.get(name).cloned().unwrap_or_default(),
                new.get(name).cloned().unwrap_or_default(),
            );
            vec![
                name.to_string(),
                count(a.sends),
                count(b.sends),
                format!("{:.2}", a.cost),
                format!("{:.2}", b.cost),
                format!("{:+.2}", b.cost - a.cost),
            ]
        });
        output::table(&["channel", "attempts", "", "cost", "", ""], rows)
    }
}

fn signed(sign: &str, number: u64) -> String {
    if number == 0 { "0".to_owned() } else { format!("{sign}{}", output::count(number)) }
}

/// Somebody of the sample.
fn shown(person: &Person) -> String {
    let mut text = format!("\n{}: {}\n", person.user, person.change);
    for moment in &person.moments {
        let under = match moment.under {
            Under::Both => "   ",
            Under::Old => "old",
            Under::New => "new",
        };
        let mark = match moment.kind {
            Kind::Visit => "",
            Kind::Stall => "! ",
            Kind::Send => "> ",
            Kind::End => "= ",
        };
        text += &format!("  {under} {}  {mark}{}\n", moment.at, moment.text);
    }
    text
}
