//! `nudge demo`: the whole loop on a generated funnel, to be watched.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::output::{count, share, table};
use super::{Done, output};
use crate::demo::scenes::{self, CAMPAIGN, FUNNEL, LAPSED, Outcomes, READING, Scene};
use crate::demo::{self, START, Setting, Sum, Told};
use crate::engine::event::{Grade, Instant, Millis};
use crate::engine::{Decision, End, Record};

#[derive(Debug, Args)]
#[command(after_help = "\
What you see: five published push methods, each by a standard policy, and with each a line that says what to \
look at. A and C: applicants for a loan move through six steps and stop on the way; `dwell` notices who has \
stalled and drafts a message, `cascade` plans its channels: app, then WeChat, then SMS, until it was opened. B: \
`audience` sorts users into groups and composes a campaign for some. D: `reading` finds out on which channel \
somebody reads. E: `lapsed` reminds who has not logged in. The people are simulated, the rest is the real thing: \
the policies run as WebAssembly components in the sandbox, and each message is tracked to its receipt.")]
pub(super) struct Arguments {
    /// How many applicants
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,
    /// How many days
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=365))]
    days: u64,
    /// Another seed, other people
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show the messages of everybody, not only of some
    #[arg(long)]
    all: bool,
    /// Do not slow down for people to read along
    #[arg(long)]
    fast: bool,
}

/// How long the whole demo takes where somebody watches.
const WATCHED: Duration = Duration::from_secs(20);

/// Of how many people one is followed.
const FOLLOWED: u64 = 40;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let setting =
        Setting { users: arguments.users as usize, days: arguments.days, seed: arguments.seed };
    let sandbox = output::sandbox()?;
    let watched = io::stdout().is_terminal() && !arguments.fast;
    let every = if arguments.all { 1 } else { FOLLOWED.min(u64::from(arguments.users)) };
    let strides = arguments.days * 144;
    let mut show = Show {
        every,
        pause: if watched { WATCHED / u32::try_from(strides)? } else { Duration::ZERO },
        colour: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        known: HashMap::new(),
    };
    let shown = match every {
        1 => "everybody is shown".to_owned(),
        every => format!("one in {every} is shown, --all shows everybody"),
    };
    output::print(&heading(&FUNNEL))?;
    output::print(&format!(
        "{} people apply for a loan in six steps, over {} days. {} their messages:\n\n",
        count(u64::from(arguments.users)),
        arguments.days,
        capitalised(&shown)
    ))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let sum = runtime
        .block_on(demo::run(&sandbox, setting, |told| show.tell(told)))
        .context("the demo stopped")?;
    output::print(&closing(&sum, arguments))?;
    output::print(&heading(&CAMPAIGN))?;
    let outcomes = runtime
        .block_on(scenes::campaigns(&sandbox, arguments.seed, CUSTOMERS))
        .context("the demo stopped")?;
    output::print(&told_of(&outcomes))?;
    for (scene, which) in [(READING, 'd'), (LAPSED, 'e')] {
        output::print(&heading(&scene))?;
        let mut show = Show { every: 0, known: HashMap::new(), ..show.plain() };
        let tell = |told: Told<'_>| show.tell(told);
        let ran = match which {
            'd' => runtime.block_on(scenes::reading(&sandbox, tell)),
            _ => runtime.block_on(scenes::lapsed(&sandbox, tell)),
        };
        ran.context("the demo stopped")?;
    }
    output::print(
        "\nNext: nudge replay LOG --strategy FILE does this with your own events; \
         policies/*/examples has a strategy for each system.\n",
    )?;
    Ok(Done::Well)
}

/// Customers of the campaign.
const CUSTOMERS: usize = 2_000;

/// What a scene shows, and what to look at.
fn heading(scene: &Scene) -> String {
    let look = format!("Look at this: {}", scene.look);
    let mut text = format!("\n== {}: {} ==\n", scene.systems, scene.title);
    let mut width = 0;
    for word in look.split_whitespace() {
        let room = word.chars().count() + 1;
        if width + room > 98 {
            text.push('\n');
            width = 0;
        }
        if width > 0 {
            text.push(' ');
        }
        text += word;
        width += room;
    }
    text + "\n\n"
}

/// What came of the campaign.
fn told_of(outcomes: &Outcomes) -> String {
    let report = &outcomes.report;
    let sum = report.campaigns.get("better-rate").cloned().unwrap_or_default();
    let groups = report.groups.get("audience");
    let loans = groups.and_then(|groups| groups.get("loan")).copied().unwrap_or_default();
    let row = |what: &str, many: u64| vec![what.to_owned(), count(many)];
    let mut text = table(
        &["", "users"],
        [
            row("known by their records", outcomes.people),
            row("initial group: have a loan", loans),
            row("meet the push standard: it is large", sum.target + sum.held_out),
            row("held out, to be compared with", sum.held_out),
            row("target group", sum.target),
            row("messages", sum.messages),
            row("refinanced within a week", sum.achieved),
            row("of those held out", sum.held_out_achieved),
        ],
    );
    if let Some(lift) = &outcomes.lift {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        text += &format!(
            "\n{} % of the target group refinanced, and {} % of those held out: the messages account for {}\n\
             points, with 95 % confidence for {} to {}. They cost {:.2} in all.\n",
            percent(lift.target_rate),
            percent(lift.held_out_rate),
            percent(lift.difference),
            percent(lift.from),
            percent(lift.to),
            report.cost
        );
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let text: String =
        chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default();
    format!("{text};")
}

/// Shows what is told of the people who are followed.
struct Show {
    every: u64,
    pause: Duration,
    colour: bool,
    /// The node that each message is about, and when it was first sent.
    known: HashMap<Arc<str>, (Arc<str>, Instant)>,
}

impl Show {
    fn tell(&mut self, told: Told<'_>) -> io::Result<()> {
        match told {
            Told::Time(_) => {
                std::thread::sleep(self.pause);
                Ok(())
            }
            Told::Decided(record) if self.follows(&record.user) => self.decided(record),
            Told::Decided(_) => Ok(()),
        }
    }

    /// The same, without a pause.
    fn plain(&self) -> Show {
        Show { every: 0, pause: Duration::ZERO, colour: self.colour, known: HashMap::new() }
    }

    fn follows(&self, user: &str) -> bool {
        if self.every == 0 {
            return true;
        }
        let number: u64 = user.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        number.is_multiple_of(self.every)
    }

    fn decided(&mut self, record: &Record) -> io::Result<()> {
        let (when, user) = (clock(record.at), &record.user);
        let line = match &record.decision {
            Decision::Drafted { message, node, campaign, .. } => {
                let about = campaign.as_ref().unwrap_or(node);
                self.known.insert(message.clone(), (about.clone(), record.at));
                return Ok(());
            }
            Decision::Sent { message, channel, content, .. } if self.every == 0 => {
                let about = self.known.get(message).map_or("", |(about, _)| about);
                let channel = self.paint(36, &format!("{channel:6}"));
                let title = self.paint(1, &content.title);
                let body = self.paint(2, &content.body);
                format!("{when}  {user:4} {channel} {title} ({about}) {body}")
            }
            Decision::Joined { group, .. } if self.every == 0 => {
                format!("{when}  {user:4}        joins the group {group}")
            }
            Decision::Missed { reason, .. } if self.every == 0 => {
                format!("{when}  {user:4}        no reminder: {}", output::word(reason))
            }
            Decision::Achieved { after, .. } if self.every == 0 => {
                let text =
                    self.paint(32, &format!("came back, {} after the reminder", span(*after)));
                format!("{when}  {user:4}        {text}")
            }
            Decision::Evidence { channel, grade: Grade::Confirmed, .. } if self.every == 0 => {
                let text = self.paint(33, &format!("read on {channel}"));
                format!("{when}  {user:4}        {text}")
            }
            _ if self.every == 0 => return Ok(()),
            Decision::Sent { message, channel, step: 0, content, .. } => {
                let node = self.known.get(message).map_or("", |(node, _)| node);
                let channel = self.paint(36, &format!("{channel:6}"));
                let title = self.paint(1, &content.title);
                let body = self.paint(2, &content.body);
                format!("{when}  {user:11} {channel} {title} (stopped at {node})\n{:14}{body}", "")
            }
            Decision::Sent { channel, .. } => {
                let channel = self.paint(36, &format!("{channel:6}"));
                format!("{when}  {user:11} {channel} the same again, not opened so far")
            }
            Decision::Evidence { message, channel, grade: Grade::Opened } => {
                let after = self.known.get(message).map(|(_, at)| span(record.at.since(*at)));
                let after = after.unwrap_or_default();
                let text = self.paint(33, &format!("opened on {channel} after {after}"));
                format!("{when}  {user:11}        {text}")
            }
            Decision::Failed { channel, .. } => {
                let text = self.paint(31, &format!("the address on {channel} is dead"));
                format!("{when}  {user:11}        {text}")
            }
            Decision::Resolved { converted: true, after, .. } => {
                let text = self.paint(32, &format!("went on, {} after the message", span(*after)));
                format!("{when}  {user:11}        {text}")
            }
            Decision::Ended { reason: End::Unreceived, sends, .. } => {
                let often = match sends {
                    1 => "once",
                    2 => "twice",
                    _ => "three times",
                };
                let text = self.paint(2, &format!("tried {often} and not opened: let them be"));
                format!("{when}  {user:11}        {text}")
            }
            _ => return Ok(()),
        };
        writeln!(io::stdout().lock(), "{line}")
    }

    fn paint(&self, colour: u8, text: &str) -> String {
        if self.colour { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The demo's clock: day and hour.
fn clock(at: Instant) -> String {
    // The first day began at midnight, eight hours before the start.
    let minutes = at.since(START).0 / 60_000 + 8 * 60;
    format!("day {:2} {:02}:{:02}", minutes / 1_440 + 1, minutes / 60 % 24, minutes % 60)
}

fn span(span: Millis) -> String {
    let minutes = span.0 / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

fn closing(sum: &Sum, arguments: &Arguments) -> String {
    let report = &sum.report;
    let users = u64::from(arguments.users);
    let order = ["register", "personal-data", "identity", "income-proof", "offer", "signed"];
    let nodes = order.iter().filter_map(|name| report.nodes.get(*name).map(|node| (name, node)));
    let mut text = String::from("\n");
    text += &table(
        &["step", "visits", "stalled", "messages", "went on after it", ""],
        nodes.map(|(name, node)| {
            vec![
                (*name).to_owned(),
                count(node.visits),
                count(node.stalled),
                count(node.messages),
                count(node.converted),
                share(node.converted, node.messages),
            ]
        }),
    );
    text.push('\n');
    text += &table(
        &["channel", "attempts", "cost"],
        report.channels.iter().map(|(name, channel)| {
            vec![name.to_string(), count(channel.sends), format!("{:.2}", channel.cost)]
        }),
    );
    text += &format!(
        "\n{} events went in, {} of them receipts; {} messages went out in {} attempts, for {:.2}.\n\
         {} of {} applicants signed ({}). When the same people throw the same dice and nobody is\n\
         messaged, {} sign ({}).\n\
         Each message ended the moment it was opened or its applicant went on. Run it again and you\n\
         get the same, to the last decision: digest {}.\n",
        count(sum.events),
        count(sum.receipts),
        count(report.messages),
        count(report.sends),
        report.cost,
        count(sum.signed),
        count(users),
        share(sum.signed, users),
        count(sum.signed_alone),
        share(sum.signed_alone, users),
        sum.digest.get(..16).unwrap_or(&sum.digest),
    );
    text
}
