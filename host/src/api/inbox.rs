//! The inbox of a user's device: letters, a stream of new ones, and what the user did with them. Touches
//! the service only.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{LetterInfo, Page};
use crate::service::{Device, Service, Subscription};

use super::auth::Reader;
use super::document::{Full, NotFound, TooMany};
use super::extract::{Path, Query, limit, number};
use super::refusal::Refusal;
use super::serve::Closing;
use super::{Answer, Api};

/// Letters that a stream reads at once, and that wait for a device that reads slowly.
const AT_ONCE: usize = 50;
/// How often a stream shows that it lives, and whether its token still does.
const ALIVE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 15_000 });

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_letters))
        .routes(routes!(stream_letters))
        .routes(routes!(letter_seen))
        .routes(routes!(letter_confirmed))
}

/// Which letters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichLetters {
    /// Only those with greater numbers.
    after: Option<u64>,
    /// How many at once.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// Read by [`Reader`].
    #[serde(rename = "token")]
    #[param(ignore)]
    _token: Option<String>,
}

/// Lists the user's letters, oldest first.
#[utoipa::path(
    get, path = "/v1/inbox", tag = "Inbox",
    params(WhichLetters),
    security(("userToken" = []), ("userTokenInQuery" = [])),
    responses((status = 200, description = "Some of them. `next` is the number to ask again with \
        as `after`.", body = Page<LetterInfo>)),
)]
async fn list_letters(
    reader: Reader,
    State(api): State<Api>,
    Query(which): Query<WhichLetters>,
) -> Answer<Page<LetterInfo>> {
    let limit = limit(which.limit, 50, 200)?;
    let after = number(which.after)?;
    let items = api.service.letters(&reader.device, after, limit).await?;
    let full = items.len() >= limit;
    let next = items.last().filter(|_| full).map(|letter| letter.id.to_string());
    Ok(axum::Json(Page { items, next }))
}

/// Where a stream begins.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Beginning {
    /// After the letter of this number; by default with the oldest that is kept.
    after: Option<u64>,
    /// Read by [`Reader`].
    #[serde(rename = "token")]
    #[param(ignore)]
    _token: Option<String>,
}

/// Streams the user's letters, oldest first, and then new ones as they come.
///
/// Server-sent events: `event: letter`, `id:` the letter's number, `data:` the letter. With EventSource, put
/// the token into the query. A connection that is lost goes on where it was: `Last-Event-ID` counts before
/// `after`. A comment every 15 seconds shows that the stream lives. It ends with its token and when the
/// service stops.
#[utoipa::path(
    get, path = "/v1/inbox/stream", tag = "Inbox",
    params(Beginning, ("last-event-id" = Option<u64>, Header, description = "After this letter.")),
    security(("userToken" = []), ("userTokenInQuery" = [])),
    responses(
        (status = 200, description = "The stream.", content_type = "text/event-stream", body = String,
            example = "event: letter\nid: 7\ndata: {\"id\":7,\"title\":\"…\"}\n\n"),
        TooMany,
    ),
)]
async fn stream_letters(
    reader: Reader,
    State(api): State<Api>,
    Query(beginning): Query<Beginning>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Refusal> {
    let after = match headers.get("last-event-id") {
        None => beginning.after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Some(id.ok_or_else(|| Refusal::invalid("last-event-id is not a letter's number"))?)
        }
    };
    let after = number(after)?;
    let subscription = api.service.subscribe(&reader.device)?;
    let (to, letters) = mpsc::channel(AT_ONCE);
    let source = Source { service: api.service, device: reader.device, token: reader.token, to };
    tokio::spawn(source.run(after, subscription, api.closing));
    let keep_alive = KeepAlive::new().interval(ALIVE).text("still here");
    Ok(Sse::new(Letters(letters)).keep_alive(keep_alive))
}

/// What feeds a stream. It lives until the device is gone, the token ends, or the service stops.
struct Source {
    service: Service,
    device: Device,
    token: Arc<str>,
    to: mpsc::Sender<Result<Event, axum::Error>>,
}

impl Source {
    async fn run(self, after: Option<u64>, subscription: Subscription, mut closing: Closing) {
        let to = self.to.clone();
        tokio::select! {
            () = closing.begun() => {}
            () = to.closed() => {}
            () = self.expired() => {}
            () = self.feed(after, subscription) => {}
        }
    }

    async fn expired(&self) {
        loop {
            tokio::time::sleep(ALIVE).await;
            if self.service.device(&self.token).is_err() {
                return;
            }
        }
    }

    async fn feed(&self, mut after: Option<u64>, mut subscription: Subscription) {
        // Something is said at once, so that the head of the answer is not kept back until a letter comes.
        if self.to.send(Ok(Event::default().comment("here"))).await.is_err() {
            return;
        }
        loop {
            loop {
                let letters = match self.service.letters(&self.device, after, AT_ONCE).await {
                    Ok(letters) => letters,
                    // The device comes back by itself, and is then told what is wrong.
                    Err(_) => return,
                };
                if letters.is_empty() {
                    break;
                }
                for letter in letters {
                    after = Some(letter.id);
                    let event = Event::default().event("letter").id(letter.id.to_string());
                    if self.to.send(event.json_data(letter)).await.is_err() {
                        return;
                    }
                }
            }
            if !subscription.changed().await {
                return;
            }
        }
    }
}

struct Letters(mpsc::Receiver<Result<Event, axum::Error>>);

impl Stream for Letters {
    type Item = Result<Event, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Only a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// Says that a letter was on the screen.
#[utoipa::path(
    post, path = "/v1/inbox/{id}/seen", tag = "Inbox",
    params(("id" = u64, Path, description = "The letter's number.", example = 7)),
    security(("userToken" = []), ("userTokenInQuery" = [])),
    responses((status = 200, description = "The letter.", body = LetterInfo), NotFound, TooMany, Full),
)]
async fn letter_seen(
    reader: Reader,
    State(api): State<Api>,
    Path(id): Path<u64>,
    _: Query<Nothing>,
) -> Answer<LetterInfo> {
    Ok(axum::Json(api.service.mark(&reader.device, id, false).await?))
}

/// Says that the user confirmed a letter: pressed its button, or followed its link.
#[utoipa::path(
    post, path = "/v1/inbox/{id}/confirm", tag = "Inbox",
    params(("id" = u64, Path, description = "The letter's number.", example = 7)),
    security(("userToken" = []), ("userTokenInQuery" = [])),
    responses((status = 200, description = "The letter.", body = LetterInfo), NotFound, TooMany, Full),
)]
async fn letter_confirmed(
    reader: Reader,
    State(api): State<Api>,
    Path(id): Path<u64>,
    _: Query<Nothing>,
) -> Answer<LetterInfo> {
    Ok(axum::Json(api.service.mark(&reader.device, id, true).await?))
}
