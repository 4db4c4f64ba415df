//! Events as CloudEvents. The formats are `ingest::live`'s; this only says what became of it. Touches the
//! service and those pure parsers.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ingest::live::cloudevents;

use super::auth::Sender;
use super::body::Upload;
use super::document::{Full, NotFound, TooMany};
use super::ingest::{Accepted, most, refusal, strict, take};
use super::{Answer, Api};

const ORIGIN: &str = "webhook-request-origin";
const RATE: &str = "webhook-request-rate";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_events, allow_events))
}

/// A CloudEvent in JSON. Other extension attributes are left alone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it says what `ingest::live::cloudevents` reads")]
struct CloudEvent {
    /// `1.0`.
    #[schema(pattern = "^1\\.0$")]
    specversion: String,
    /// Its id, unique together with `source`.
    #[schema(min_length = 1)]
    id: String,
    /// Where it comes from.
    #[schema(min_length = 1)]
    source: String,
    /// What happened.
    #[schema(min_length = 1)]
    r#type: String,
    /// The user.
    #[schema(nullable = false)]
    subject: Option<String>,
    /// When it happened. Now, by default.
    #[schema(format = DateTime, nullable = false)]
    time: Option<String>,
    /// The other fields.
    data: Option<serde_json::Value>,
}

/// Sends CloudEvents 1.0.
///
/// Scope: `ingest`. In any mode: binary (the attributes in headers `ce-…`, the data in the body), structured
/// (`application/cloudevents+json`), or a batch (`application/cloudevents-batch+json`). The `subject` is the
/// user; failing that, `user`, `userId` or `anonymousId` in the data. The `type` is the name of what
/// happened. An event with the `source` and `id` of one that was taken before changes nothing.
///
/// Events of a batch that make no sense are left out and listed in `refused`; with `Nudge-Strict: true`
/// nothing of such a batch is taken.
#[utoipa::path(
    post, path = "/v1/events", tag = "Events",
    params(("nudge-strict" = Option<bool>, Header, description = "Take all of a batch or nothing.")),
    request_body(
        content(
            (CloudEvent = "application/cloudevents+json", example = json!({
                "specversion": "1.0", "id": "7c1e", "source": "/shop", "type": "basket",
                "subject": "ada", "time": "2026-03-02T10:00:00Z", "data": { "value": 12.5 } })),
            (Vec<CloudEvent> = "application/cloudevents-batch+json"),
            (serde_json::Value = "application/json"),
        ),
        description = "An event, a batch of them, or the data of one whose attributes are in headers.",
    ),
    responses((status = 200, description = "They are taken.", body = Accepted), NotFound, TooMany, Full),
)]
async fn send_events(
    Sender(tenant): Sender,
    State(api): State<Api>,
    upload: Upload,
) -> Answer<Accepted> {
    let headers = upload.headers.clone();
    let received = api.service.received();
    let body = upload.whole(most(&received)).await?;
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let events = cloudevents::read(header, &body, &received).map_err(|bad| refusal(&bad))?;
    let strict = strict(&headers)? || events.len() == 1;
    take(&api.service, &tenant, events, strict).await
}

/// Allows a sender of CloudEvents to send: the handshake of its web hooks.
///
/// Any origin is allowed here, at any rate: who may send, and how much, is decided by the key.
#[utoipa::path(
    options, path = "/v1/events", tag = "Events",
    security(()),
    params(
        ("webhook-request-origin" = Option<String>, Header, description = "Who wants to send."),
        ("webhook-request-rate" = Option<String>, Header, description = "How often, a minute."),
    ),
    responses((status = 204, description = "It may.", headers(
        ("webhook-allowed-origin" = String, description = "The origin that asked."),
        ("webhook-allowed-rate" = String, description = "The rate that was asked for, or `*`."),
        ("allow" = String, description = "What the route knows."),
    ))),
)]
async fn allow_events(asked: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(HeaderName::from_static("webhook-allowed-origin"), origin.clone());
        let any = HeaderValue::from_static("*");
        let rate = asked.get(RATE).map_or(any, HeaderValue::clone);
        headers.insert(HeaderName::from_static("webhook-allowed-rate"), rate);
    }
    response
}
