// Nudge inside a program: a clock and a channel of one's own, a strategy of standard policies, one user
// who stops halfway, is reminded, and goes on. Run it with `cargo run --example embed`.

#![allow(missing_docs, clippy::print_stdout)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use nudge::Host;
use nudge::channel::{Channel, Dispatch, Outcome, Reason, Sending};
use nudge::clock::Clock;
use nudge::engine::event::{Event, Fields, Instant, Value, What};
use nudge::sandbox::{Compiler, Limits, Sandbox};

/// The tenant's strategy; a file does as well, with `nudge::strategy::load`.
const STRATEGY: &str = r#"
    [[policy]]
    use = "dwell"
    settings.nodes.cart = { threshold = "2h", pending = "checkout" }
    settings.nodes.checkout = { behaviour = "pay" }
    settings.behaviours.pay = { message = "full-cart" }

    [[channel]]
    name = "paper"

    [messages.full-cart.default]
    title = "Your cart is waiting"
    body = "It has been for {hours} hours."
"#;

const HOUR: i64 = 3_600_000;

/// A clock that is moved by hand. `nudge::clock::System` is the machine's.
struct Watch(Mutex<Instant>);

impl Watch {
    fn advance(&self, hours: i64) {
        if let Ok(mut now) = self.0.lock() {
            now.0 += hours * HOUR;
        }
    }
}

impl Clock for Watch {
    fn now(&self) -> Instant {
        self.0.lock().map_or(Instant::MIN, |now| *now)
    }
}

/// A channel that writes messages down.
struct Paper(Arc<Mutex<Vec<String>>>);

impl Channel for Paper {
    fn name(&self) -> &str {
        "paper"
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move {
            let outgoing = &dispatch.outgoing;
            let text = format!("to {}: {}", outgoing.user, outgoing.content.title);
            match self.0.lock() {
                Ok(mut written) => {
                    written.push(text);
                    Outcome::ACCEPTED
                }
                Err(_) => Outcome::failed(Reason::Provider, "the paper is gone"),
            }
        })
    }
}

/// An event of Ada's at a node of the process.
fn ada_is_at(node: &str, at: Instant) -> Event {
    let fields = Fields::from_iter([("node".into(), Value::Text(node.into()))]);
    Event { user: "ada".into(), at, what: What::Operation { name: "came".into(), fields } }
}

/// The whole of it, and what was written on the paper.
async fn run() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    // Policies run here, and only here. A service compiles in a child process (`Compiler::Child`), as
    // tenants bring their own.
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here)?;
    let loaded = nudge::strategy::parse(Path::new("embed"), STRATEGY, &sandbox)?;

    let clock = Arc::new(Watch(Mutex::new(Instant(1_772_445_600_000))));
    let written = Arc::new(Mutex::new(Vec::new()));
    let mut host =
        Host::new(loaded.strategy).with_clock(clock.clone()).with_channel(Paper(written.clone()));

    // Ada fills her cart. Nothing is to be said, but her timer runs.
    host.ingest(ada_is_at("cart", clock.now()));
    host.step().await?;
    println!("to be looked at again at {:?}", host.next_due());

    // Three hours later she has been there for too long.
    clock.advance(3);
    for record in host.step().await?.records() {
        println!("{:?}", record.decision);
    }

    // She goes on. The states are hers to keep: the next host takes them with `with_states`.
    host.ingest(ada_is_at("checkout", clock.now()));
    let (_, states) = host.shut_down().await?;
    println!("{} user is remembered", states.len());

    let written = written.lock().map_err(|_| "the paper is torn")?;
    Ok(written.clone())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let written = runtime.block_on(run())?;
    assert_eq!(written, ["to ada: Your cart is waiting"]);
    Ok(())
}
