//! The channel `log`: a line of the service's own log for each attempt, without what it says or to whom.

use super::{Channel, Dispatch, Outcome, Sending};

/// Writes attempts to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Channel for Log {
    fn name(&self) -> &str {
        "log"
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move {
            tracing::info!(tracking = &*dispatch.outgoing.tracking, "a message");
            Outcome::ACCEPTED
        })
    }
}
