//! Policies: components that a tenant uploads. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{Page, PolicyInfo};

use super::auth::Manager;
use super::body::Upload;
use super::document::{Conflict, Full, NotAdmitted, NotFound, TooMany};
use super::extract::{Path, media_type};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_policies, upload_policy))
        .routes(routes!(show_policy, delete_policy))
}

/// Lists the policies.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/policies", tag = "Policies",
    responses((status = 200, description = "All policies of the tenant.", body = Page<PolicyInfo>)),
)]
async fn list_policies(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Answer<Page<PolicyInfo>> {
    Ok(all(api.service.policies(&tenant)?))
}

/// Uploads a policy.
///
/// Scope: `manage`. The body is a WebAssembly component of the world `nudge:policy/policy`, raw. It is
/// checked, compiled and asked who it is before the answer. A policy does nothing by itself: a release puts
/// it to work, by its digest. The same bytes again change nothing and are answered 200.
#[utoipa::path(
    post, path = "/v1/policies", tag = "Policies",
    request_body(content_type = "application/wasm", content = inline(super::document::Octets),
        description = "The component, at most 4 MiB unless the service is set up otherwise."),
    responses(
        (status = 201, description = "It is admitted.", body = PolicyInfo,
            headers(("location" = String, description = "Its path."))),
        (status = 200, description = "It had been admitted before.", body = PolicyInfo,
            headers(("location" = String, description = "Its path."))),
        Conflict, NotAdmitted, TooMany, Full,
    ),
)]
async fn upload_policy(
    Manager(tenant): Manager,
    State(api): State<Api>,
    upload: Upload,
) -> Result<impl IntoResponse, Refusal> {
    let media = media_type(&upload.headers);
    if !matches!(media.as_str(), "application/wasm" | "application/octet-stream") {
        return Err(Refusal::unsupported("application/wasm"));
    }
    let bytes = upload.whole(api.service.http_limits().component_bytes).await?;
    let (policy, new) = api.service.upload_policy(&tenant, bytes).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/policies/{}", policy.digest);
    Ok((status, [(header::LOCATION, location)], axum::Json(policy)))
}

/// Shows a policy.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/policies/{digest}", tag = "Policies",
    params(("digest" = String, Path, description = "Its SHA-256, in hexadecimal.")),
    responses((status = 200, description = "The policy.", body = PolicyInfo), NotFound),
)]
async fn show_policy(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(digest): Path<String>,
) -> Answer<PolicyInfo> {
    Ok(axum::Json(api.service.policy(&tenant, &digest)?))
}

/// Deletes a policy.
///
/// Scope: `manage`. Only if no release needs it.
#[utoipa::path(
    delete, path = "/v1/policies/{digest}", tag = "Policies",
    params(("digest" = String, Path, description = "Its SHA-256, in hexadecimal.")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict),
)]
async fn delete_policy(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(digest): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.service.delete_policy(&tenant, &digest).await?;
    Ok(StatusCode::NO_CONTENT)
}
