//! `nudge explain`: why a user got a message, or did not.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::remote::{Answered, Remote};
use super::{Done, output, serve, verify};
use crate::engine::event::Instant;
use crate::service::Error;
use crate::service::story::{Asked, Explanation, MessageStory, Never, StoryLine, Told, Verdict};

#[derive(Debug, Args)]
#[command(after_help = "\
All that was recorded about the user is done again from the beginning, with the releases that were at work, and \
what comes out is held against what was recorded.

  NUDGE_KEY=… nudge explain --tenant acme --user ada --server https://nudge.example
  nudge explain --tenant acme --user ada --data ./data     (the service must not run)

Exit codes: 0 the same came out; 1 something else did, or nothing is known of the user; 2 it could not be done.")]
pub(super) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// The user
    #[arg(long, value_name = "USER")]
    user: String,
    /// Only what is about this message
    #[arg(long, value_name = "MESSAGE")]
    message: Option<String>,
    /// A data directory to look into, instead of asking a service
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let found = match &arguments.data {
        Some(data) => looked(arguments, data)?,
        None => asked(arguments)?,
    };
    let explanation = match found {
        Ok(explanation) => explanation,
        Err(unknown) => {
            output::complain(&anyhow::anyhow!(unknown));
            return Ok(Done::Wrong);
        }
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&explanation)? + "\n"
    } else {
        output::plain(&text(&explanation))
    })?;
    Ok(if explanation.differs == 0 { Done::Well } else { Done::Wrong })
}

/// From a service; or that there is no such user.
fn asked(arguments: &Arguments) -> anyhow::Result<Result<Explanation, String>> {
    let query: Vec<(&str, &str)> =
        arguments.message.iter().map(|message| ("message", &**message)).collect();
    let path = ["v1", "users", &arguments.user, "explanation"];
    match arguments.remote.ask(Method::GET, &path, &query)? {
        Answered::Done(value) => Ok(Ok(serde_json::from_value(value)?)),
        Answered::Unknown(detail) => Ok(Err(detail)),
    }
}

/// From a data directory that no service uses.
fn looked(
    arguments: &Arguments,
    data: &std::path::Path,
) -> anyhow::Result<Result<Explanation, String>> {
    verify::is_there(data)?;
    let service = serve::over(data)?;
    let tenant = service.tenant_name(&arguments.remote.tenant)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let explained = service.explain(&tenant, &arguments.user, arguments.message.clone());
    match runtime.block_on(explained) {
        Ok(explanation) => Ok(Ok(explanation)),
        Err(error @ Error::NotFound(_)) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn time(at: i64) -> String {
    Instant(at).to_string()
}

fn text(explanation: &Explanation) -> String {
    let mut out = format!("{} at {}\n", explanation.user, time(explanation.at));
    if explanation.more {
        out += "(there are older lines than were looked at)\n";
    }
    if explanation.left_out > 0 {
        out += &format!("({} older lines are not shown)\n", explanation.left_out);
    }
    explanation.lines.iter().for_each(|one| line(&mut out, one));
    explanation.messages.iter().for_each(|one| message(&mut out, one));
    if !explanation.never.is_empty() {
        out += "\nwhy nothing is said now\n";
    }
    explanation.never.iter().for_each(|one| never(&mut out, one));
    out += &match explanation.differs {
        0 if explanation.lines.iter().any(|line| line.verdict == Verdict::Unknown) => {
            "\nsome of it could not be done again; of the rest the same came out\n".to_owned()
        }
        0 => "\ndone again, the same came out, byte for byte\n".to_owned(),
        many => {
            format!("\ndone again, something else came out of {}\n", output::several(many, "line"))
        }
    };
    out
}

fn line(out: &mut String, line: &StoryLine) {
    let at = line.at.map_or_else(|| "at some time".to_owned(), time);
    let by = line.release.map_or_else(|| "no release".to_owned(), |n| format!("release {n}"));
    *out += &format!("\n{at}  chunk {}, {by}\n", line.chunk);
    for name in &line.absorbed {
        *out += &format!("  {name} turned out to be {}\n", line.user);
    }
    for (events, of) in [(&line.history, "history"), (&line.events, "event")] {
        for event in events {
            *out += &format!("  {of}: {}\n", happened(event));
        }
    }
    for asked in &line.asked {
        *out += &format!("  asked: {}\n", question(asked));
    }
    line.decisions.iter().for_each(|told| decision(out, "-", told));
    match line.verdict {
        Verdict::Same => {}
        Verdict::Differs => {
            *out += "  DONE AGAIN, SOMETHING ELSE CAME OUT:\n";
            line.now.iter().for_each(|told| decision(out, "+", told));
        }
        Verdict::Unknown => {
            let reason = line.reason.as_deref().unwrap_or("it is not known why");
            *out += &format!("  not done again: {reason}\n");
        }
    }
}

fn decision(out: &mut String, mark: &str, told: &Told) {
    *out += &format!("  {mark} {}  {}\n", time(told.at), told.says);
}

/// An event in a line.
fn happened(event: &Value) -> String {
    let at = event.get("at").and_then(Value::as_i64).map(time).unwrap_or_default();
    let what = event.get("what").unwrap_or(&Value::Null);
    let mut words = vec![at];
    for (name, value) in what.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("kind" | "name", Value::String(word)) => words.push(word.clone()),
            ("fields", Value::Object(fields)) => {
                words.extend(fields.iter().map(|(name, value)| format!("{name}={value}")));
            }
            (name, value) => words.push(format!("{name}={value}")),
        }
    }
    words.join(" ")
}

fn question(asked: &Asked) -> String {
    let answer = match (&asked.fault, &asked.answer) {
        (Some(fault), _) => format!("no answer: it {fault}"),
        (None, Some(answer)) => answer.to_string(),
        (None, None) => "nothing".to_owned(),
    };
    format!(
        "{} `{}` {} -> {answer} ({} fuel)",
        asked.policy,
        asked.question,
        asked.input.get("fields").unwrap_or(&Value::Null),
        output::count(asked.fuel)
    )
}

fn message(out: &mut String, message: &MessageStory) {
    *out += &format!("\nmessage {}", message.message);
    if !message.key.is_empty() {
        *out += &format!(": {:?} by {} about {}", message.key, message.policy, message.node);
    }
    *out += &format!("\n  stands: {}\n", message.stands);
    if let Some(stop) = &message.stopped_by {
        *out += &format!("  stopped by {}: {}\n", stop.rule, stop.says);
    }
    for story in &message.attempts {
        let attempt = &story.attempt;
        let outcome = attempt.outcome.as_deref().unwrap_or("waits");
        *out += &format!("  {} on {}: {outcome}", time(attempt.at), attempt.channel);
        if let Some(reason) = &attempt.reason {
            *out += &format!(", {reason}");
        }
        if let Some(due) = attempt.due {
            *out += &format!(", due {}", time(due));
        }
        *out += &format!(" ({} tries put off), tracking {}\n", attempt.tries, attempt.tracking);
        for receipt in &story.receipts {
            *out += &format!("    {} {}\n", time(receipt.at), receipt.shows);
        }
    }
}

fn never(out: &mut String, never: &Never) {
    let who = if never.policy.is_empty() { "" } else { ": " };
    *out += &format!("  {}{who}{}\n", never.policy, never.says);
    if let Some(asked) = &never.asked {
        *out += &format!("    asked again: {}\n", question(asked));
    }
}
