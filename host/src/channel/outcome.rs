//! What became of an attempt. Plain data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What became of an attempt, as far as the channel knows at once; what it learns later comes back as
/// receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted {
        /// What the provider calls it, where its reports will say that and not the tracking id.
        reference: Option<Arc<str>>,
    },
    /// Not now; the same may succeed later.
    Later {
        /// Why not.
        trouble: Trouble,
        /// How long the provider wants to be left alone, if it says so.
        after: Option<Duration>,
    },
    /// This attempt will not arrive on this channel.
    Failed(Trouble),
    /// Nothing will ever arrive at this address: it is not tried again.
    Gone(Trouble),
}

impl Outcome {
    /// The provider took it, and reports by the tracking id or not at all.
    pub const ACCEPTED: Outcome = Outcome::Accepted { reference: None };

    /// Not now.
    pub fn later(reason: Reason, detail: impl Into<String>) -> Outcome {
        Outcome::Later { trouble: Trouble::new(reason, detail), after: None }
    }

    /// Not on this channel.
    pub fn failed(reason: Reason, detail: impl Into<String>) -> Outcome {
        Outcome::Failed(Trouble::new(reason, detail))
    }

    /// Of an attempt that did not get as far as the provider: it is made again later, unless it may not be made
    /// at all.
    pub(crate) fn unsent(trouble: Trouble) -> Outcome {
        match trouble.reason {
            Reason::Forbidden | Reason::Settings => Outcome::Failed(trouble),
            _ => Outcome::Later { trouble, after: None },
        }
    }

    /// Never at this address.
    pub fn gone(reason: Reason, detail: impl Into<String>) -> Outcome {
        Outcome::Gone(Trouble::new(reason, detail))
    }
}

/// Why an attempt did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The kind of it.
    pub reason: Reason,
    /// What the provider said, or what is wrong: for the tenant to read. Short, of printable characters, without
    /// secrets, addresses or what the message says.
    pub detail: String,
}

/// Characters of a detail.
const MOST_DETAIL: usize = 200;

impl Trouble {
    /// Trouble of a kind; of the detail only so much is kept as a person wants to read.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Trouble {
        let detail: String = detail.into();
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        Trouble { reason, detail: detail.chars().take(MOST_DETAIL).map(printable).collect() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The kinds of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// The reason in a word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// No answer in time.
    Timeout = "timeout",
    /// No connection.
    Unreachable = "unreachable",
    /// The address is one that nothing may be sent to: inside the operator's own network.
    Forbidden = "forbidden",
    /// The provider wants less at once.
    Throttled = "throttled",
    /// The provider's fault.
    Provider = "provider",
    /// The provider does not know the tenant, or does not let it: keys, tokens, rights, allow lists.
    Credentials = "credentials",
    /// What the tenant has with the provider is used up.
    Quota = "quota",
    /// The user has no address on this channel.
    NoAddress = "no-address",
    /// There is nobody at the address, or it is none.
    InvalidAddress = "invalid-address",
    /// The user does not want it: unsubscribed, blocked, muted at the provider.
    Unsubscribed = "unsubscribed",
    /// It is longer than the channel takes.
    TooLong = "too-long",
    /// The provider does not take what it says.
    Content = "content",
    /// The provider refuses it for another reason.
    Rejected = "rejected",
    /// The channel's settings do not fit what the provider wants.
    Settings = "settings",
    /// The tenant has no such channel.
    NoChannel = "no-channel",
    /// What was kept of the attempt cannot be read.
    Unreadable = "unreadable",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
