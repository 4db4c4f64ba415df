//! Senders who send as fast as they can, and again what was not acknowledged; and what has to be found
//! of it afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::tenant::Tenant;

/// Users that a sender speaks of at a time.
const USERS: usize = 24;

/// Events of one user: what came in about a user is to be seen whole.
const OF_USER: usize = 100;

/// What a sender has sent.
#[derive(Default)]
pub struct Sent {
    /// User and mark of every event that was acknowledged.
    pub acknowledged: Vec<(String, String)>,
    /// Of every event that was sent and not acknowledged in the end.
    pub unsure: Vec<(String, String)>,
    /// Users who have come to a node where they stall.
    pub stalled: Vec<String>,
}

/// Senders at work.
pub struct Load {
    senders: JoinSet<Sent>,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Load {
    /// Starts so many senders, who send until they are told to end. Those that are patient send everything until it is acknowledged; the others
    /// give up at the first failure.
    pub fn start(tenant: &Tenant, senders: usize, patient: bool) -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut all = JoinSet::new();
        for number in 0..senders {
            let sender = Sender {
                tenant: tenant.clone(),
                number,
                patient,
                over: over.clone(),
                acknowledged: acknowledged.clone(),
                next: 0,
                sent: Sent::default(),
            };
            all.spawn(sender.run());
        }
        Load { senders: all, over, acknowledged }
    }

    /// Requests that were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Has the senders come to an end, and says what they have sent.
    pub async fn end(self) -> Sent {
        self.over.store(true, Ordering::SeqCst);
        let mut all = Sent::default();
        for sent in self.senders.join_all().await {
            all.acknowledged.extend(sent.acknowledged);
            all.unsure.extend(sent.unsure);
            all.stalled.extend(sent.stalled);
        }
        all
    }
}

struct Sender {
    tenant: Tenant,
    number: usize,
    patient: bool,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    next: usize,
    sent: Sent,
}

impl Sender {
    async fn run(mut self) -> Sent {
        while !self.over.load(Ordering::SeqCst) {
            let many = fastrand::usize(1..=12);
            let events: Vec<(String, String, Value)> = (0..many).map(|_| self.event()).collect();
            let calls: Vec<&Value> = events.iter().map(|(_, _, call)| call).collect();
            let batch = json!({ "batch": calls });
            let path = if fastrand::bool() { "/v1/batch" } else { "/v1/b" };
            let acknowledged = self.taken(path, &batch).await;
            // Who has not heard the answer sends again, and some do who have.
            if acknowledged && fastrand::u8(..) < 24 {
                self.taken(path, &batch).await;
            }
            let sent = &mut self.sent;
            let list = if acknowledged { &mut sent.acknowledged } else { &mut sent.unsure };
            list.extend(events.into_iter().map(|(user, mark, _)| (user, mark)));
            if !acknowledged {
                break;
            }
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
            // Rather many crashes than many events.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..20))).await;
        }
        self.sent
    }

    /// Something that somebody does. Each user who stalls does so with their first event and does nothing
    /// after; the others walk about.
    fn event(&mut self) -> (String, String, Value) {
        let at = self.next;
        self.next += 1;
        let (kind, which) = match at % 20 {
            19 => ("stays", at),
            _ => ("walks", at / (USERS * OF_USER) * USERS + at % USERS),
        };
        let user = format!("{kind}-{}-{which}", self.number);
        let mark = format!("mark-{}-{at}", self.number);
        let node = if kind == "stays" { "cart" } else { ["shelf", "door"][at % 2] };
        if kind == "stays" {
            self.sent.stalled.push(user.clone());
        }
        let call = json!({ "type": "track", "userId": user, "event": "go", "messageId": mark,
            "properties": { "node": node, "mark": mark } });
        (user, mark, call)
    }

    /// Sends until it is taken; false if it was not, by somebody who gives up.
    async fn taken(&self, path: &str, batch: &Value) -> bool {
        loop {
            let ask = self.tenant.server.post(path).by(&self.tenant.ingest).json(batch);
            match ask.try_send().await {
                Some(got) if got.status == 200 => return true,
                // What refuses to be taken at all must not pass for a service that is gone.
                Some(got) => assert!([429, 503].contains(&got.status), "{}", got.text()),
                None => {}
            }
            if !self.patient {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Sent {
    /// Everything that was acknowledged is there once, and nothing is there twice.
    pub async fn is_there(&self, tenant: &Tenant) {
        let mut users: Vec<&String> =
            self.acknowledged.iter().chain(&self.unsure).map(|(user, _)| user).collect();
        users.sort();
        users.dedup();
        let mut lost = Vec::new();
        for user in users {
            let found = tenant.marks(user).await;
            let twice: Vec<_> = found.iter().filter(|(_, many)| **many != 1).collect();
            assert!(twice.is_empty(), "{user}: {twice:?}");
            let theirs = self.acknowledged.iter().filter(|(of, _)| of == user);
            lost.extend(theirs.filter(|(_, mark)| !found.contains_key(mark)));
        }
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}
