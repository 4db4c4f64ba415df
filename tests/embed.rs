//! Hosts inside a program: the example does what it says, and hosts do not notice each other.

use std::path::Path;
use std::sync::{Arc, Mutex};

use nudge::Host;
use nudge::channel::{Channel, Dispatch, Outcome, Reason, Sending};
use nudge::clock::Manual;
use nudge::engine::event::{Event, Fields, Instant, Millis, Value, What};
use nudge::engine::{Decision, End};
use nudge::sandbox::{Compiler, Limits, Sandbox};

/// Writes down who got what, and takes only so many.
struct Notes(&'static str, Arc<Mutex<Vec<String>>>, usize);

impl Channel for Notes {
    fn name(&self) -> &str {
        self.0
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move {
            let mut notes = self.1.lock().unwrap();
            if notes.len() >= self.2 {
                return Outcome::failed(Reason::Rejected, "the notes are full");
            }
            let outgoing = &dispatch.outgoing;
            notes.push(format!("{} {}", outgoing.user, outgoing.content.title));
            Outcome::ACCEPTED
        })
    }
}

const START: Instant = Instant(1_772_445_600_000);
const HOUR: Millis = Millis(3_600_000);

struct Rig {
    host: Host,
    clock: Arc<Manual>,
    notes: Arc<Mutex<Vec<String>>>,
}

fn rig(name: &str, patience: &str, takes: usize) -> Rig {
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    let text = format!(
        r#"
        name = "{name}"
        [[policy]]
        use = "dwell"
        settings.nodes.cart = {{ threshold = "{patience}", pending = "paid" }}
        settings.nodes.paid = {{ behaviour = "pay" }}
        settings.behaviours.pay = {{ message = "pay" }}
        [[channel]]
        name = "notes"
        [messages.pay.default]
        title = "{name}"
        body = "."
        "#
    );
    let loaded = nudge::strategy::parse(Path::new("test"), &text, &sandbox).unwrap();
    let (clock, notes) = (Arc::new(Manual::new(START)), Arc::<Mutex<Vec<String>>>::default());
    let host = Host::new(loaded.strategy).with_clock(clock.clone()).with_channel(Notes(
        "notes",
        notes.clone(),
        takes,
    ));
    Rig { host, clock, notes }
}

fn at(user: &str, node: &str, at: Instant) -> Event {
    let fields = Fields::from_iter([("node".into(), Value::Text(node.into()))]);
    Event { user: user.into(), at, what: What::Operation { name: "came".into(), fields } }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn two_hosts_in_one_process_do_not_disturb_each_other() {
    // What each does alone is what both do at the same time, on threads of their own.
    let life = |name: &'static str, patience: &'static str| {
        run(async move {
            let mut rig = rig(name, patience, 100);
            let mut decided = Vec::new();
            for hour in 0..6 {
                for user in 0..20 {
                    if user % (hour + 1) == 0 {
                        let node = if user % 3 == hour { "paid" } else { "cart" };
                        rig.host.ingest(at(&format!("user-{user}"), node, rig.clock.now()));
                    }
                }
                let step = rig.host.step().await.unwrap();
                decided.extend(step.records().into_iter().cloned());
                rig.clock.advance(HOUR);
            }
            let (_, states) = rig.host.shut_down().await.unwrap();
            let notes = rig.notes.lock().unwrap().clone();
            (
                serde_json::to_string(&decided).unwrap(),
                serde_json::to_string(&states).unwrap(),
                notes,
            )
        })
    };
    use nudge::clock::Clock as _;
    let alone = [life("one", "2h"), life("two", "1h")];
    let threads = ["one", "two", "one", "two"].map(|name| {
        std::thread::spawn(move || life(name, if name == "one" { "2h" } else { "1h" }))
    });
    for (at, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), alone[at % 2]);
    }
    assert!(alone[0].2.iter().all(|note| note.ends_with(" one")), "{:?}", alone[0].2);
    assert!(alone[0].2.len() > 3 && alone[1].2.len() > alone[0].2.len(), "{alone:?}");
}

#[test]
fn states_that_were_taken_along_go_on_where_they_were() {
    run(async {
        let mut before = rig("one", "2h", 100);
        before.host.ingest(at("ann", "cart", START));
        let (_, states) = before.host.shut_down().await.unwrap();
        assert!(before.notes.lock().unwrap().is_empty());
        let after = rig("one", "2h", 100);
        after.clock.set(START.plus(HOUR).plus(HOUR).plus(HOUR));
        let mut host = after.host.with_states(states);
        assert_eq!(host.next_due(), Some(START.plus(Millis(7_200_001))), "her timer, too");
        host.step().await.unwrap();
        assert_eq!(*after.notes.lock().unwrap(), ["ann one"]);
        // The channel's word is an event that waits for its turn.
        assert_eq!(host.next_due(), Some(START.plus(Millis(3 * HOUR.0))));
        host.step().await.unwrap();
    });
}

#[test]
fn what_a_channel_says_comes_back_as_a_receipt() {
    run(async {
        let mut rig = rig("one", "2h", 0);
        rig.host.ingest(at("ann", "cart", START));
        rig.clock.set(START.plus(Millis(3 * HOUR.0)));
        let first = rig.host.step().await.unwrap();
        assert_eq!(first.receipts.len(), 1);
        let (second, _) = rig.host.shut_down().await.unwrap();
        let ended = |decision: &Decision| {
            matches!(decision, Decision::Ended { reason: End::Unreceived, sends: 1, .. })
        };
        let decided = |step: &nudge::Step, is: &dyn Fn(&Decision) -> bool| {
            step.records().iter().any(|record| is(&record.decision))
        };
        assert!(decided(&first, &ended), "{:?}", first.records());
        let failed = |decision: &Decision| matches!(decision, Decision::Failed { .. });
        assert!(decided(&second, &failed), "{:?}", second.records());
    });
}
