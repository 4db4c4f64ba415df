//! Tickets: who sent something waits with one until all of it is stored, or is not.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::lane::lock;
use crate::engine::event::{Value, What};
use crate::ingest::live::{Deed, Item};
use crate::store::StoreError;

/// Why what was waited for has not been stored.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// There is no room.
    Full(String),
    /// Anything else.
    Unavailable(String),
}

impl From<&StoreError> for Failed {
    fn from(error: &StoreError) -> Failed {
        match error {
            StoreError::Full(reason) => Failed::Full(reason.clone()),
            error => Failed::Unavailable(error.to_string()),
        }
    }
}

/// Where the answer to a ticket comes out.
pub(super) type Answer = oneshot::Receiver<Result<(), Failed>>;

/// About how many bytes an item takes while it waits.
pub(super) fn weight(item: &Item) -> usize {
    let of = |what: &What| match what {
        What::Operation { fields, .. } | What::Page { fields, .. } | What::Profile { fields } => {
            let size = |(name, value): (&Arc<str>, &Value)| {
                48 + name.len() + if let Value::Text(text) = value { text.len() } else { 0 }
            };
            fields.iter().map(size).sum::<usize>()
        }
        What::Hidden
        | What::Heartbeat
        | What::Consent(_)
        | What::Receipt(_)
        | What::Campaign(_) => 0,
    };
    let deeds = match &item.deed {
        Deed::Happened(deeds) => deeds.iter().map(of).sum(),
        Deed::Alias { previous } => previous.len(),
    };
    256 + deeds
}

/// Something that waits until all inputs of a request are stored.
#[derive(Clone, Debug)]
pub(super) struct Ticket(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    left: usize,
    answer: Option<oneshot::Sender<Result<(), Failed>>>,
}

impl Ticket {
    /// A ticket for so many inputs, and where its answer comes out.
    pub(super) fn new(inputs: usize) -> (Ticket, Answer) {
        let (answer, answered) = oneshot::channel();
        (Ticket(Arc::new(Mutex::new(Waiting { left: inputs, answer: Some(answer) }))), answered)
    }

    /// So many of its inputs are stored, or will not be: the first failure is the answer.
    pub(super) fn settle(&self, inputs: usize, result: Result<(), Failed>) {
        let mut waiting = lock(&self.0);
        waiting.left = waiting.left.saturating_sub(inputs);
        // Nobody may be waiting any more, which is their business.
        match result {
            Err(failed) => {
                waiting.answer.take().map(|answer| answer.send(Err(failed)));
            }
            Ok(()) if waiting.left == 0 => {
                waiting.answer.take().map(|answer| answer.send(Ok(())));
            }
            Ok(()) => {}
        }
    }

    pub(super) fn is(&self, other: &Ticket) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
