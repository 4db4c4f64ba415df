//! What surrounds every request: it is timed and counted, a panic becomes a problem, and it has to end in
//! time. Lines and counters have the route's template, never what stands in its place: no ids, no keys.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::refusal::Refusal;

/// The outermost layer.
pub(super) async fn observed(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response =
        caught(next.run(request)).await.unwrap_or_else(|| Refusal::failed().into_response());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Everything here is either somebody's own or changes from moment to moment.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    let millis = begun.elapsed().as_secs_f64() * 1e3;
    let route = route.as_ref().map_or("unmatched", |route| route.as_str());
    if status >= 500 {
        tracing::warn!(%method, route, status, millis, "request");
    } else {
        tracing::debug!(%method, route, status, millis, "request");
    }
    api.service.observed(route, status, millis);
    response
}

/// What an operation does not know is not passed over: it may be a slip of the pen.
pub(super) async fn without_query(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let asked = request.uri().query().is_some_and(|query| !query.is_empty());
    if asked && let Some(route) = request.extensions().get::<MatchedPath>() {
        let operation = format!("{} {}", request.method(), route.as_str());
        if api.without_query.contains(&operation) {
            let reason = format!("{operation} knows no query parameters: leave them out");
            return Refusal::invalid(reason).into_response();
        }
    }
    next.run(request).await
}

/// A request that is not answered in time is given up. The clients that have taken the longest are
/// those that send their bodies slowest, so this also bounds what they can hold.
pub(super) async fn in_time(State(api): State<Api>, request: Request, next: Next) -> Response {
    let most = api.service.http_limits().request_timeout;
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("this took longer than {} s: try again later", most.as_secs());
            Refusal::unavailable(detail).into_response()
        }
    }
}

/// What the future makes; nothing if it panics.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        // The future is not polled again after a panic, so nobody sees what it left behind.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(_) => {
                tracing::error!("a handler panicked");
                Poll::Ready(None)
            }
        }
    })
    .await
}
