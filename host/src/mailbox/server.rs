//! Connections of senders: how many at once, from where, and how they end. Touches the listener and the clock;
//! what is said on a connection is `smtp`'s business.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Mailboxes;
use super::smtp::Session;

/// How long to leave the listener alone when the process has no more files.
const BREATH: Duration = Duration::from_millis(100);

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one address.
    pub per_address: usize,
    /// How long connections are given at the end.
    pub drain: Duration,
    /// The limits of each.
    pub session: Session,
}

/// Takes mail until `stop`, then lets what is being stored be stored, but does not wait forever.
pub async fn serve(
    listener: TcpListener,
    limits: Limits,
    mailboxes: Arc<dyn Mailboxes>,
    stop: impl Future<Output = ()>,
) {
    let limits = Arc::new(limits);
    let open = Arc::new(Open::default());
    let (tell, stopping) = watch::channel(false);
    let mut sessions = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        while let Some(ended) = sessions.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a session of a sender of mail ended badly");
            }
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(place) = Place::take(&open, network(peer.ip()), &limits) else {
            turn_away(stream);
            continue;
        };
        let (limits, mailboxes) = (Arc::clone(&limits), Arc::clone(&mailboxes));
        let stopping = stopping.clone();
        sessions.spawn(async move {
            // Small answers should not wait for more to be sent with them; if that fails, they do.
            let _ = stream.set_nodelay(true);
            let ended = limits.session.talk(stream, &*mailboxes, stopping).await;
            tracing::debug!(?ended, "a session of a sender of mail has ended");
            drop(place);
        });
    }
    drop(listener);
    // Nobody may be listening.
    let _ = tell.send(true);
    let all = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, all).await.is_err() {
        tracing::warn!(sessions = sessions.len(), "senders of mail were cut off");
        sessions.shutdown().await;
    }
}

/// Says so without waiting: nobody has to be kept for it.
fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // Whoever does not hear it finds the connection closed.
        let _ = stream.write(b"421 4.7.0 too many connections: try again later\r\n");
    }
}

/// Connections from each address.
#[derive(Debug, Default)]
struct Open(Mutex<BTreeMap<IpAddr, usize>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them. It is given back by itself.
struct Place(Arc<Open>, IpAddr);

impl Place {
    fn take(open: &Arc<Open>, address: IpAddr, limits: &Limits) -> Option<Place> {
        let mut counts = open.lock();
        if counts.values().sum::<usize>() >= limits.connections {
            return None;
        }
        let own = counts.entry(address).or_default();
        if *own >= limits.per_address {
            return None;
        }
        *own += 1;
        Some(Place(Arc::clone(open), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.lock();
        if let Some(own) = counts.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// What counts as one address: one of IPv4, or a /64 of IPv6, which is what one site has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:3::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
