//! `nudge campaign`: campaigns of a tenant at a service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::output::{count, share, table, word};
use super::remote::{Remote, Said, told};
use super::{Done, logs, output};
use crate::service::words::{CampaignInfo, CampaignPreview, CampaignStatus, CostReport, GroupInfo};

/// How often a campaign is looked at that is watched.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(after_help = "\
A campaign is a file in TOML or JSON:

  policy = \"audience\"                # the segment criteria, as the release at work calls them
  parameters = { name = \"spring\", type = \"loan\", message = \"spring\" }
  goal = \"order\"                     # the event that it is for; without it: that users leave the group
  within = \"7d\"                      # how long what they do counts
  hold_out = 10                      # of a hundred users how many get nothing, to be compared with
  late_joiners = true                # whoever joins the group later is reached, too
  per_second = 200                   # as fast as it goes, without it

  nudge campaign preview spring.toml --tenant acme     whom it would reach; sends nothing
  nudge campaign launch spring.toml --tenant acme      composes it and lets it go out, with a bar
  nudge campaign show 1 --tenant acme                  how far it has got, and what came of it

The key comes from NUDGE_KEY, so that it stands in no list of processes.
Exit codes: 0 all is well; 1 the service refuses it, and says why, or there is no such campaign; 2 it could not be \
asked.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whom a campaign would reach now; sends nothing
    Preview(OfFile),
    /// Compose a campaign that reaches nobody yet
    Create(OfFile),
    /// Let a campaign go out: a file's, or, by number, one that was composed or paused
    Launch(Launch),
    /// Show a campaign: how far it has got, and what came of it
    Show(Show),
    /// List the campaigns, newest first
    List(Listing),
    /// Halt a campaign where it is
    Pause(OfNumber),
    /// End a campaign for good
    Cancel(OfNumber),
    /// Delete a campaign that is not going out, with its counts
    Delete(OfNumber),
    /// List the groups of users
    Groups(Listing),
    /// Say what messages cost and what came of them, by channel and by message
    Costs(Listing),
}

#[derive(Debug, Args)]
struct OfFile {
    /// The campaign, in TOML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
struct OfNumber {
    /// The campaign's number
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
struct Launch {
    /// The campaign's number, or a file in TOML or JSON
    #[arg(value_name = "NUMBER|FILE")]
    campaign: String,
    /// Come back at once instead of waiting until everybody was reached
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    of: OfNumber,
    /// Wait until everybody was reached
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
struct Listing {
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    match &arguments.command {
        Command::Preview(of) => {
            let path = ["v1", "campaigns", "preview"];
            answer(&of.listing, Method::POST, &path, Some(&read::<Value>(&of.file)?), preview)
        }
        Command::Create(of) => {
            let path = ["v1", "campaigns"];
            answer(&of.listing, Method::POST, &path, Some(&read::<Value>(&of.file)?), shown)
        }
        Command::Launch(launch) => launched(launch),
        Command::Show(show) if show.watch => watched(&show.of.listing, show.of.number),
        Command::Show(show) => {
            let number = show.of.number.to_string();
            answer(&show.of.listing, Method::GET, &["v1", "campaigns", &number], None, shown)
        }
        Command::List(listing) => answer(listing, Method::GET, &["v1", "campaigns"], None, listed),
        Command::Pause(of) => said(of, "pause"),
        Command::Cancel(of) => said(of, "cancel"),
        Command::Delete(of) => {
            let number = of.number.to_string();
            let gone = |_: &Value| format!("campaign {} is gone\n", of.number);
            answer(&of.listing, Method::DELETE, &["v1", "campaigns", &number], None, gone)
        }
        Command::Groups(listing) => answer(listing, Method::GET, &["v1", "groups"], None, groups),
        Command::Costs(listing) => answer(listing, Method::GET, &["v1", "costs"], None, costs),
    }
}

/// The campaign in a file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).with_context(place);
    }
    toml_edit::de::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{}: {}", place(), error.to_string().trim_end()))
}

fn said(of: &OfNumber, what: &str) -> anyhow::Result<Done> {
    let number = of.number.to_string();
    answer(&of.listing, Method::POST, &["v1", "campaigns", &number, what], None, shown)
}

/// Asks, and prints the answer: as it came, or as `tell` puts it.
fn answer<T: DeserializeOwned>(
    listing: &Listing,
    method: Method,
    path: &[&str],
    body: Option<&Value>,
    tell: impl FnOnce(&T) -> String,
) -> anyhow::Result<Done> {
    let said = listing.remote.say(method, path, &[], body)?;
    match take(said)? {
        Ok(value) if listing.json => output::print(&pretty(&value)?)?,
        Ok(value) => {
            let told = tell(&serde_json::from_value(value).context("the service's answer")?);
            output::print(&output::plain(&told))?;
        }
        Err(reason) => return refused(listing, &reason),
    }
    Ok(Done::Well)
}

/// What was done, or the problem with it.
fn take(said: Said) -> anyhow::Result<Result<Value, Value>> {
    Ok(match said {
        Said::Done(value) => Ok(value),
        Said::Refused(problem) => Err(problem),
        Said::Unknown(detail) => Err(json!({ "detail": detail })),
    })
}

fn refused(listing: &Listing, problem: &Value) -> anyhow::Result<Done> {
    if listing.json {
        output::print(&pretty(problem)?)?;
    } else {
        output::complain(&anyhow::anyhow!("{}", told(problem)));
    }
    Ok(Done::Wrong)
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn launched(launch: &Launch) -> anyhow::Result<Done> {
    let remote = &launch.listing.remote;
    let number = match launch.campaign.parse::<u64>() {
        Ok(number) => number,
        Err(_) => {
            let campaign: Value = read(Path::new(&launch.campaign))?;
            match take(remote.say(Method::POST, &["v1", "campaigns"], &[], Some(&campaign))?)? {
                Ok(value) => info(value)?.number,
                Err(problem) => return refused(&launch.listing, &problem),
            }
        }
    };
    let text = number.to_string();
    let path = ["v1", "campaigns", &text, "launch"];
    if launch.no_wait {
        return answer(&launch.listing, Method::POST, &path, None, shown);
    }
    match take(remote.say(Method::POST, &path, &[], None)?)? {
        Ok(_) => watched(&launch.listing, number),
        Err(problem) => refused(&launch.listing, &problem),
    }
}

fn info(value: Value) -> anyhow::Result<CampaignInfo> {
    serde_json::from_value(value).context("the service's answer")
}

/// Looks at a campaign until it is no longer running, or only waits for whoever joins.
fn watched(listing: &Listing, number: u64) -> anyhow::Result<Done> {
    let text = number.to_string();
    let path = ["v1", "campaigns", &text];
    let mut bar = None;
    loop {
        let value = match take(listing.remote.say(Method::GET, &path, &[], None)?)? {
            Ok(value) => value,
            Err(problem) => return refused(listing, &problem),
        };
        let campaign = info(value.clone())?;
        let bar = bar.get_or_insert_with(|| logs::bar(campaign.initial, "reaching", "users"));
        bar.set_position(campaign.processed.min(campaign.initial));
        let open = campaign.standing || campaign.asked.late_joiners;
        let through = campaign.processed >= campaign.initial;
        if campaign.status != CampaignStatus::Running || (open && through) {
            bar.finish_and_clear();
            let text = if listing.json { pretty(&value)? } else { shown(&campaign) };
            output::print(&output::plain(&text))?;
            return Ok(Done::Well);
        }
        std::thread::sleep(LOOK);
    }
}

/// What a composed campaign says, in a line.
fn composed(campaign: &Value) -> String {
    let of = |name: &str| campaign.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{:?} for group {:?}, message {:?}", of("name"), of("event_type"), of("message"))
}

fn preview(preview: &CampaignPreview) -> String {
    let CampaignPreview { initial, target, held_out, unqualified, .. } = preview;
    let mut text = format!("{}\n\n", composed(&preview.campaign));
    text += &table(
        &["group", "users", "of the initial group"],
        [
            vec!["initial group".to_owned(), count(*initial), String::new()],
            vec![
                "not meeting the push standard".to_owned(),
                count(*unqualified),
                share(*unqualified, *initial),
            ],
            vec!["held out".to_owned(), count(*held_out), share(*held_out, *initial)],
            vec!["target group".to_owned(), count(*target), share(*target, *initial)],
        ],
    );
    if preview.faults > 0 {
        text += &format!(
            "\nthe policy gave no answer about {}\n",
            output::several(preview.faults, "user")
        );
    }
    if !preview.sample.is_empty() {
        text += &format!("\nsome of the target group: {}\n", preview.sample.join(", "));
    }
    text + "\nNobody was messaged.\n"
}

fn shown(campaign: &CampaignInfo) -> String {
    let c = campaign;
    let mut text =
        format!("campaign {} is {}: {}\n", c.number, c.status.word(), composed(&c.campaign));
    if let Some(reason) = &c.reason {
        text += &format!("  {reason}\n");
    }
    if c.launched.is_none() {
        return text
            + &format!("  launch it with: nudge campaign launch {} --tenant …\n", c.number);
    }
    let processed = match c.initial {
        0 => count(c.processed),
        initial => format!("{} of {}", count(c.processed), count(initial)),
    };
    let mut rows = vec![
        vec!["members gone out to".to_owned(), processed],
        vec!["target group".to_owned(), count(c.target)],
        vec!["held out".to_owned(), count(c.held_out)],
    ];
    rows.extend(
        c.missed.iter().map(|(why, many)| vec![format!("missed: {}", word(why)), count(*many)]),
    );
    rows.push(vec!["messages".to_owned(), count(c.messages)]);
    rows.push(vec!["attempts".to_owned(), count(c.sends)]);
    rows.push(vec!["cost".to_owned(), format!("{:.2}", c.cost)]);
    rows.push(vec!["did what it is for".to_owned(), count(c.achieved)]);
    if let Some(each) = c.cost_per_conversion {
        rows.push(vec!["cost of each of these".to_owned(), format!("{each:.4}")]);
    }
    text += &table(&["", ""], rows);
    if let Some(lift) = &c.lift {
        let percent = |share: f64| format!("{:.1}", share * 100.0);
        text += &format!(
            "{} % of the target group did what it is for, and {} % of those held out: {} points more,\n\
             with 95 % confidence from {} to {}\n",
            percent(lift.target_rate),
            percent(lift.held_out_rate),
            percent(lift.difference),
            percent(lift.from),
            percent(lift.to)
        );
    }
    text
}

/// A list, as the service writes it.
#[derive(serde::Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

fn listed(campaigns: &Items<CampaignInfo>) -> String {
    if campaigns.items.is_empty() {
        return "there is no campaign\n".to_owned();
    }
    let row = |c: &CampaignInfo| {
        let name = c.campaign.get("name").and_then(Value::as_str).unwrap_or_default();
        vec![
            format!("{} {name}", c.number),
            c.status.word().to_owned(),
            count(c.processed),
            count(c.target),
            count(c.achieved),
            format!("{:.2}", c.cost),
        ]
    };
    let header = ["campaign", "", "gone out to", "target group", "did it", "cost"];
    table(&header, campaigns.items.iter().map(row))
}

fn groups(groups: &Items<GroupInfo>) -> String {
    if groups.items.is_empty() {
        return "there is no group: the release at work has no segment criteria\n".to_owned();
    }
    let row = |g: &GroupInfo| vec![format!("{} {}", g.policy, g.group), count(g.members)];
    table(&["group", "members"], groups.items.iter().map(row))
}

fn costs(report: &CostReport) -> String {
    let each = |cost: Option<f64>| cost.map_or_else(|| "-".to_owned(), |cost| format!("{cost:.4}"));
    let channels = report.channels.iter().map(|c| {
        vec![
            c.channel.clone(),
            count(c.sends),
            format!("{:.2}", c.cost),
            count(c.converted),
            each(c.cost_per_conversion),
        ]
    });
    let mut text = table(&["channel", "attempts", "cost", "conversions", "cost of each"], channels);
    let messages = report.messages.iter().map(|m| {
        vec![
            m.key.clone(),
            count(m.messages),
            count(m.sends),
            format!("{:.2}", m.cost),
            count(m.received),
            count(m.converted),
            each(m.cost_per_conversion),
        ]
    });
    text.push('\n');
    let header =
        ["message", "messages", "attempts", "cost", "received", "conversions", "cost of each"];
    text + &table(&header, messages)
}
