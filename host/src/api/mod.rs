//! The HTTP interface. Its handlers translate: a request into a call of the service, what comes back into a
//! response. They decide nothing but who may ask, and of the project they touch `service` and the pure
//! parsers of `ingest::live`; not the engine, the store or the sandbox.
//!
//! `auth` stands before every handler; `refusal` is the only way out for what is refused; `body` and
//! `extract` read what was sent; `observe`, `cors` and `serve` surround it all; `document` is the OpenAPI
//! document, which the routes themselves make. The others are the routes.

mod account;
mod auth;
mod body;
mod campaigns;
mod channels;
mod cors;
mod document;
mod events;
mod extract;
mod import;
mod inbox;
mod ingest;
mod mailboxes;
mod meta;
mod observe;
mod policies;
pub mod problem;
mod public;
mod refusal;
mod releases;
mod serve;
mod tenants;
#[cfg(test)]
mod tests;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::service::Service;
use crate::service::words::Page;

use refusal::Refusal;
use serve::Closing;

pub use serve::serve;

/// What handlers have.
#[derive(Clone)]
struct Api {
    service: Service,
    closing: Closing,
    document: Bytes,
    /// Operations that know no query, as `GET /v1/policies`.
    without_query: Arc<BTreeSet<String>>,
}

type Answer<T> = Result<axum::Json<T>, Refusal>;

/// A list that is never so long that it has to come in parts.
fn all<T>(items: Vec<T>) -> axum::Json<Page<T>> {
    axum::Json(Page { items, next: None })
}

/// The interface of `service`, for a server of one's own or a test.
pub fn router(service: Service) -> Router {
    build(service, Closing::never())
}

/// The document of the interface.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = document::begun();
    for routes in [of_servers(), of_browsers(), of_any_length()] {
        document.merge(routes.into_openapi());
    }
    document::complete(document)
}

/// Routes that programs of the tenant use.
fn of_servers() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(events::routes())
        .merge(policies::routes())
        .merge(releases::routes())
        .merge(users::routes())
        .merge(channels::routes())
        .merge(campaigns::routes())
        .merge(mailboxes::routes())
        .merge(account::routes())
        .merge(tenants::routes())
        .merge(meta::routes())
}

/// Routes that pages of any origin may use.
fn of_browsers() -> OpenApiRouter<Api> {
    OpenApiRouter::new().merge(ingest::routes()).merge(inbox::routes())
}

/// Routes that take as long as their bodies, or what they look at.
fn of_any_length() -> OpenApiRouter<Api> {
    OpenApiRouter::new().merge(import::routes()).merge(campaigns::of_any_length())
}

fn build(service: Service, closing: Closing) -> Router {
    // Plain data, which does not fail to be written.
    let document = openapi();
    let bytes = serde_json::to_vec(&document).unwrap_or_default().into();
    let without_query = Arc::new(document::without_query(&document));
    let api = Api { service, closing, document: bytes, without_query };
    // Before the layers, which would otherwise not stand around it.
    let complete = |routes: OpenApiRouter<Api>| {
        let (router, _) = routes.split_for_parts();
        router.method_not_allowed_fallback(refusal::no_method)
    };
    let of_browsers = complete(of_browsers()).layer(from_fn(cors::any_origin));
    complete(of_servers())
        .layer(from_fn_with_state(api.clone(), observe::without_query))
        .merge(of_browsers)
        .layer(from_fn_with_state(api.clone(), observe::in_time))
        .merge(public::routes())
        .merge(complete(of_any_length()))
        .fallback(refusal::no_route)
        .layer(from_fn_with_state(api.clone(), observe::observed))
        .with_state(api)
}
