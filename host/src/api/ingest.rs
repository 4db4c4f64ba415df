//! Events as Segment's libraries send them. The formats are `ingest::live`'s; this only finds out who sends
//! and says what became of it. Touches the service and those pure parsers.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::schema::{
    AllOfBuilder, AnyOfBuilder, ArrayBuilder, Object, ObjectBuilder, Schema, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::ingest::live::segment::{self, Kind};
use crate::ingest::live::{Fault, Item, Received, Refused};
use crate::sandbox::Issue;
use crate::service::words::LineError;
use crate::service::{Service, TenantName};

use super::auth;
use super::body::Upload;
use super::document::{Full, NotFound, TooMany};
use super::refusal::Refusal;
use super::{Answer, Api};

/// The header that asks for all or nothing.
pub(super) const STRICT: &str = "nudge-strict";
/// Refusals that an answer tells. A batch may hold thousands, each shorter than what is said of it.
const TOLD: usize = 100;

/// Each kind of call: its path, the one that scripts in browsers have for it, and what it is about.
const CALLS: [(Kind, &str, &str, &str); 7] = [
    (Kind::Identify, "identify", "i", "Says what is known of a user."),
    (Kind::Track, "track", "t", "Says that a user did something."),
    (Kind::Page, "page", "p", "Says that a page of a site was shown."),
    (Kind::Screen, "screen", "s", "Says that a screen of an app was shown."),
    (Kind::Group, "group", "g", "Says that a user belongs to a group."),
    (Kind::Alias, "alias", "a", "Says that two ids are one user's."),
    (Kind::Batch, "batch", "b", "Sends many calls at once."),
];

pub(super) fn routes() -> OpenApiRouter<Api> {
    let mut router = OpenApiRouter::new();
    for (kind, long, short, summary) in CALLS {
        for name in [long, short] {
            let answer = move |api, upload| call(kind, api, upload);
            let mut operation = <__path_call as utoipa::Path>::operation();
            operation.summary = Some(summary.to_owned());
            if kind != Kind::Batch {
                // All or nothing makes no difference to a single call.
                operation.parameters = None;
            }
            operation.tags = Some(vec!["Events".to_owned()]);
            operation.operation_id = Some(format!("segment_{name}"));
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                for content in body.content.values_mut() {
                    if let RefOr::T(content) = content {
                        content.example = Some(example(kind));
                        content.schema = Some(schema(kind));
                    }
                }
            }
            let mut paths = Paths::new();
            paths.add_path_operation(format!("/v1/{name}"), vec![HttpMethod::Post], operation);
            router = router.routes((Vec::new(), paths, post(answer)));
        }
    }
    let schemas = &mut router.get_openapi_mut().components.get_or_insert_default().schemas;
    let mut more = Vec::new();
    SegmentCall::schemas(&mut more);
    Accepted::schemas(&mut more);
    more.push((SegmentCall::name().into_owned(), SegmentCall::schema()));
    more.push((Accepted::name().into_owned(), Accepted::schema()));
    schemas.extend(more);
    router
}

/// A call of this kind: what all have, and what it has to have.
fn schema(kind: Kind) -> RefOr<Schema> {
    let all = Ref::from_schema_name(SegmentCall::name());
    let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let whose = |member| ObjectBuilder::new().property(member, text()).required(member);
    let whose = match kind {
        Kind::Alias => AnyOfBuilder::new().item(whose("userId")),
        _ => AnyOfBuilder::new().item(whose("userId")).item(whose("anonymousId")),
    };
    let (member, needed) = match kind {
        Kind::Track => ("event", "What the user did."),
        Kind::Group => ("groupId", "The group."),
        Kind::Alias => ("previousId", "The other id."),
        Kind::Batch => ("batch", "The calls, each with its `type`."),
        Kind::Identify | Kind::Page | Kind::Screen => {
            return AllOfBuilder::new().item(all).item(whose).into();
        }
    };
    let needed = ObjectBuilder::new().description(Some(needed));
    let needed: RefOr<Schema> = match kind {
        Kind::Batch => ArrayBuilder::new().items(Object::with_type(Type::Object)).into(),
        _ => needed.schema_type(Type::String).min_length(Some(1)).into(),
    };
    let of_kind = ObjectBuilder::new().property(member, needed).required(member);
    let call = AllOfBuilder::new().item(all).item(of_kind);
    if kind == Kind::Batch { call.into() } else { call.item(whose).into() }
}

fn example(kind: Kind) -> serde_json::Value {
    let user = "ada";
    match kind {
        Kind::Identify => json!({ "userId": user, "traits": { "plan": "pro" } }),
        Kind::Track => json!({ "userId": user, "messageId": "7c1e", "event": "basket",
            "timestamp": "2026-03-02T10:00:00Z", "properties": { "value": 12.5 } }),
        Kind::Page | Kind::Screen => json!({ "userId": user, "name": "prices" }),
        Kind::Group => json!({ "userId": user, "groupId": "acme", "traits": { "seats": 3 } }),
        Kind::Alias => json!({ "userId": user, "previousId": "a-3f1c" }),
        Kind::Batch => json!({ "batch": [
            { "type": "track", "userId": user, "messageId": "7c1f", "event": "paid" }] }),
    }
}

/// A call in Segment's format; all but a batch have `userId` or `anonymousId`. Members that are not named here are understood as Segment says, or left alone.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SegmentCall {
    /// The key, if it is not in the header `Authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    write_key: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Who it is as long as nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<String>,
    /// By what the call is known when it is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// When it happened: ISO 8601. Now, by default.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
}

/// What became of a call.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The service has it on its disk.
    success: bool,
    /// Items that were not taken, while the others were: the first 100. Sending them again does not help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    refused: Vec<LineError>,
}

/// Replaced by the kind's own.
///
/// Scope: `ingest`, by `Authorization` (Basic with the key as the user name and no password, as Segment's
/// libraries do it, or Bearer) or `writeKey` in the body. The body is read as JSON whatever its
/// content-type, and may be gzip. Answered once it is on the disk.
///
/// A call with the `messageId` of one that was taken before is taken again and changes nothing. Items of a
/// batch that make no sense are left out and listed in `refused`; with `Nudge-Strict: true` nothing of
/// such a batch is taken. What is too large is answered 400, as Segment does it.
#[utoipa::path(
    post, path = "/v1/call", tag = "Events",
    params(("nudge-strict" = Option<bool>, Header, description = "Take all of a batch or nothing.")),
    request_body(content((SegmentCall = "application/json"), (SegmentCall = "text/plain")),
        description = "At most 32 KiB a call and 500 KiB a batch, unless the service is set up \
            otherwise."),
    security(("key" = []), ("basic" = []), ()),
    responses((status = 200, description = "It is taken.", body = Accepted), NotFound, TooMany, Full),
)]
async fn call(kind: Kind, State(api): State<Api>, upload: Upload) -> Answer<Accepted> {
    let headers = upload.headers.clone();
    let received = api.service.received();
    let most = match kind {
        Kind::Batch => received.limits.body_bytes,
        _ => received.limits.item_bytes,
    };
    let body = upload.whole(most).await.map_err(Refusal::plain_400)?;
    let call = match segment::call(kind, &body, &received) {
        Ok(call) => call,
        Err(refused) => {
            // Whoever has no key learns nothing about bodies, if the key can be told from them.
            if headers.contains_key(axum::http::header::AUTHORIZATION) {
                auth::writer(&api.service, &headers, None)?;
            }
            return Err(refusal(&refused).plain_400());
        }
    };
    let tenant = auth::writer(&api.service, &headers, call.write_key.as_deref())?;
    let single = kind != Kind::Batch;
    let strict = strict(&headers)? || single;
    take(&api.service, &tenant, call.items, strict).await.map_err(Refusal::plain_400)
}

/// Whether the request wants all or nothing.
pub(super) fn strict(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers.get(STRICT).map(|v| v.as_bytes()) {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(Refusal::invalid("nudge-strict is true or false")),
    }
}

/// Hands the items over; all of them, if it is `strict`, or those that are good.
pub(super) async fn take(
    service: &Service,
    tenant: &TenantName,
    items: Vec<Result<Item, Refused>>,
    strict: bool,
) -> Answer<Accepted> {
    let mut good = Vec::with_capacity(items.len());
    let mut bad = Vec::new();
    for (line, item) in (0..).zip(items) {
        match item {
            Ok(item) => good.push(item),
            Err(refused) => bad.push((line, refused)),
        }
    }
    if let (true, Some((_, first))) = (strict, bad.first()) {
        let refusal = refusal(first);
        let several = good.len() + bad.len() > 1;
        if !several {
            return Err(refusal);
        }
        let detail = format!("{} items make no sense, so that nothing was taken", bad.len());
        let errors = bad.into_iter().take(TOLD);
        let errors = errors.map(|(_, bad)| Issue { path: bad.at, message: bad.reason });
        return Err(Refusal::issues(detail, errors.collect()));
    }
    if !good.is_empty() {
        service.ingest(tenant, good).await?;
    }
    let refused = bad.into_iter().take(TOLD);
    let refused = refused.map(|(line, bad)| LineError { line, at: bad.at, reason: bad.reason });
    Ok(axum::Json(Accepted { success: true, refused: refused.collect() }))
}

/// What the parsers do not take.
pub(super) fn refusal(refused: &Refused) -> Refusal {
    let detail = refused.to_string();
    let issue = Issue { path: refused.at.clone(), message: refused.reason.clone() };
    match refused.kind {
        Fault::TooLarge => Refusal::too_long(detail).at(vec![issue]),
        Fault::Malformed | Fault::Invalid if refused.at == "content-type" => {
            Refusal::unsupported("CloudEvents as JSON").at(vec![issue])
        }
        Fault::Malformed | Fault::Invalid => Refusal::issues(detail, vec![issue]),
    }
}

/// The limits, for those that read bodies.
pub(super) fn most(received: &Received) -> usize {
    received.limits.body_bytes.max(received.limits.item_bytes)
}
