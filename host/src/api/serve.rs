//! Connections: how many at once, how long they may take, and how they end. Touches the listener and the
//! clock; what is said on a connection is the router's business.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::service::Service;

/// Bytes that are read ahead of a connection, its head included.
const READ_AHEAD: usize = 64 << 10;
/// How long to leave the listener alone when the process has no more files.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets the requests under way end, but not forever.
///
/// # Errors
///
/// None so far: a listener that fails is asked again.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = service.http_limits();
    let (close, closing) = watch::channel(false);
    let router = super::build(service, Closing(closing.clone()));
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        // Those beyond the limit wait in the kernel's queue.
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let router = TowerToHyperService::new(router.clone());
                let connection =
                    one(stream, router, limits.header_timeout, Closing(closing.clone()));
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    // Nobody may be listening.
    let _ = close.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests were cut off");
        connections.shutdown().await;
    }
    Ok(())
}

async fn one(
    stream: TcpStream,
    router: TowerToHyperService<axum::Router>,
    header_timeout: Duration,
    mut closing: Closing,
) {
    // Small answers should not wait for more to be sent with them; if that fails, they do.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(stream), router);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Says when the service stops.
#[derive(Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Never.
    pub(super) fn never() -> Closing {
        Closing(watch::channel(false).1)
    }

    /// Returns when it does.
    pub(super) async fn begun(&mut self) {
        if self.0.wait_for(|closing| *closing).await.is_err() {
            // Whoever could have said so is gone: it is never said.
            std::future::pending::<()>().await;
        }
    }
}
