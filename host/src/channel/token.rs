//! Access tokens: fetched once for all who send, renewed before they end, dropped when the provider says that
//! they no longer hold.

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Outcome, Reason};

/// How long before its end a token is renewed, unless it lasts too short for that.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long nothing is fetched after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause, whatever the provider asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a token may say that it lasts.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A token as it was fetched.
pub(crate) struct Fresh {
    /// The token.
    pub(crate) token: String,
    /// How long it lasts.
    pub(crate) lasts: Duration,
}

/// The token of one account.
#[derive(Default)]
pub(crate) struct Tokens {
    current: RwLock<Option<Current>>,
    /// Held by the one who fetches.
    fetching: Mutex<Fetching>,
}

struct Current {
    token: Arc<str>,
    fetched: Instant,
    renew: Instant,
    end: Instant,
}

/// What is known of fetches so far.
#[derive(Default)]
struct Fetching {
    /// The last one failed, and nothing is fetched until then.
    failed: Option<(Outcome, Instant)>,
    /// The token that came before the current one was refused while it was new.
    in_vain: bool,
}

/// Tokens are secrets.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Tokens {
    /// The token. If there is none, it is fetched by one of those who ask while the others wait; if it ends
    /// soon, by one while the others go on with the one there is.
    ///
    /// # Errors
    ///
    /// What came of the fetch. For some seconds everybody is told the same.
    pub(crate) async fn get<F, T>(&self, fetch: F) -> Result<Arc<str>, Outcome>
    where
        F: FnOnce() -> T,
        T: Future<Output = Result<Fresh, Outcome>>,
    {
        let (held, mut fetching) = match self.held() {
            Some((token, false)) => return Ok(token),
            Some((token, true)) => match self.fetching.try_lock() {
                Ok(fetching) => (Some(token), fetching),
                // Somebody is at it.
                Err(_) => return Ok(token),
            },
            None => (None, self.fetching.lock().await),
        };
        // Somebody may have fetched it in the meantime.
        if let Some((token, false)) = self.held() {
            return Ok(token);
        }
        if let Some((outcome, until)) = &fetching.failed
            && Instant::now() < *until
        {
            return held.ok_or_else(|| outcome.clone());
        }
        match fetch().await {
            Ok(fresh) => {
                fetching.failed = None;
                Ok(self.keep(fresh))
            }
            Err(outcome) => {
                let asked = match &outcome {
                    Outcome::Later { after: Some(after), .. } => (*after).min(LONGEST_PAUSE),
                    _ => PAUSE,
                };
                let until = later(Instant::now(), asked.max(PAUSE));
                fetching.failed = Some((outcome.clone(), until));
                held.ok_or(outcome)
            }
        }
    }

    /// The provider says that this token does not hold. Only if it is still the current one is it dropped: of
    /// many who were refused at once, one fetches.
    pub(crate) async fn refused(&self, token: &str) {
        let mut fetching = self.fetching.lock().await;
        let dropped = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.take_if(|current| &*current.token == token)
        };
        let Some(dropped) = dropped else { return };
        // A provider that takes none of the tokens it gives is not asked for one with every message.
        let new = dropped.fetched.elapsed() < PAUSE;
        if new && fetching.in_vain {
            let outcome = Outcome::later(Reason::Credentials, "new access tokens are refused");
            fetching.failed = Some((outcome, later(Instant::now(), PAUSE)));
        }
        fetching.in_vain = new;
    }

    /// The current token if it has not ended, and whether it is time to renew it.
    fn held(&self) -> Option<(Arc<str>, bool)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let current = current.as_ref().filter(|current| now < current.end)?;
        Some((Arc::clone(&current.token), now >= current.renew))
    }

    fn keep(&self, fresh: Fresh) -> Arc<str> {
        let token = Arc::<str>::from(fresh.token);
        let lasts = fresh.lasts.clamp(Duration::from_secs(1), LONGEST);
        let fetched = Instant::now();
        let end = later(fetched, lasts);
        let ahead = AHEAD.min(lasts / 4);
        let current = Current {
            token: Arc::clone(&token),
            fetched,
            renew: later(fetched, lasts.saturating_sub(ahead)),
            end,
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(current);
        token
    }
}

/// The moment some time after another one.
fn later(moment: Instant, span: Duration) -> Instant {
    moment.checked_add(span).unwrap_or(moment)
}
