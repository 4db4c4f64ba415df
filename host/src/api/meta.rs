//! The service itself: whether it lives, whether it is ready, its numbers, and the document of this
//! interface. Touches the service only.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Admin;
use super::document::Unavailable;
use super::refusal::Refusal;
use super::{Answer, Api};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(document))
}

/// How the service is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Says that the process lives. Anybody may ask.
#[utoipa::path(
    get, path = "/healthz", tag = "Service", security(()),
    responses((status = 200, description = "It does.", body = Health)),
)]
async fn healthz() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// Says whether the service takes requests. Anybody may ask.
#[utoipa::path(
    get, path = "/readyz", tag = "Service", security(()),
    responses((status = 200, description = "It does.", body = Health), Unavailable),
)]
async fn readyz(State(api): State<Api>) -> Answer<Health> {
    match api.service.ready() {
        Ok(()) => Ok(axum::Json(Health { status: "ok" })),
        Err(why) => Err(Refusal::unavailable(why)),
    }
}

/// Shows the numbers of the service, as Prometheus reads them.
///
/// Scope: `admin`: they name tenants.
#[utoipa::path(
    get, path = "/metrics", tag = "Service",
    responses((status = 200, description = "The numbers.", body = String,
        content_type = "text/plain; version=0.0.4")),
)]
async fn metrics(_: Admin, State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.service.metrics())
}

/// Shows this document. Anybody may ask.
#[utoipa::path(
    get, path = "/openapi.json", tag = "Service", security(()),
    responses((status = 200, description = "The document.", body = serde_json::Value)),
)]
async fn document(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], api.document)
}
