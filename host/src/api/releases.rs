//! Releases: the versions of a tenant's strategy. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{Page, ReleaseInfo};

use super::auth::Manager;
use super::body::Upload;
use super::document::{Conflict, Full, NotAdmitted, NotFound, TooMany};
use super::extract::{JSON_BYTES, Path, Query, is_json, media_type};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_releases, create_release))
        .routes(routes!(show_release))
        .routes(routes!(activate_release))
        .routes(routes!(roll_back))
        .routes(routes!(switch_off))
}

/// How a release is made.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Making {
    /// Whether it is put to work at once.
    #[serde(default)]
    #[param(default = false)]
    activate: bool,
}

/// Lists the releases.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/releases", tag = "Releases",
    responses((status = 200, description = "All releases of the tenant.", body = Page<ReleaseInfo>)),
)]
async fn list_releases(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Answer<Page<ReleaseInfo>> {
    Ok(all(api.service.releases(&tenant)?))
}

/// Makes a release of a strategy.
///
/// Scope: `manage`. The body is a strategy document, in JSON or TOML. It names the policies by the digests of
/// uploaded components and gives each its settings, which are checked against the policy's schema and by the
/// policy itself. A release is accepted whole or not at all, and never changes afterwards. If it was accepted
/// and could then not be activated, the problem has its number in `release`.
#[utoipa::path(
    post, path = "/v1/releases", tag = "Releases",
    params(Making),
    request_body(
        content((Object = "application/json"), (String = "application/toml")),
        description = "The strategy, at most 256 KiB.",
    ),
    responses(
        (status = 201, description = "The release.", body = ReleaseInfo,
            headers(("location" = String, description = "Its path."))),
        NotFound, Conflict, NotAdmitted, TooMany, Full,
    ),
)]
async fn create_release(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Query(making): Query<Making>,
    upload: Upload,
) -> Result<impl IntoResponse, Refusal> {
    let media = media_type(&upload.headers);
    if !is_json(&media) && media != "application/toml" {
        return Err(Refusal::unsupported("application/json and application/toml"));
    }
    let document = String::from_utf8(upload.whole(JSON_BYTES).await?.into())
        .map_err(|_| Refusal::invalid("the strategy is not UTF-8"))?;
    let mut release = api.service.propose(&tenant, document).await?;
    if making.activate {
        let number = release.number;
        let activated = api.service.activate(&tenant, number).await;
        release = activated.map_err(|error| Refusal::from(error).with("release", number))?;
    }
    let location = format!("/v1/releases/{}", release.number);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(release)))
}

/// Shows a release and what its policies have used.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/releases/{number}", tag = "Releases",
    params(("number" = u64, Path, description = "Its number.", example = 3)),
    responses((status = 200, description = "The release.", body = ReleaseInfo), NotFound),
)]
async fn show_release(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<ReleaseInfo> {
    Ok(axum::Json(api.service.release(&tenant, number)?))
}

/// Puts a release to work, in the place of the one that was.
///
/// Scope: `manage`. From one event to the next; no event sees parts of both.
#[utoipa::path(
    post, path = "/v1/releases/{number}/activate", tag = "Releases",
    params(("number" = u64, Path, description = "Its number.", example = 3)),
    responses(
        (status = 200, description = "The release, active.", body = ReleaseInfo),
        NotFound, Conflict, NotAdmitted, Full,
    ),
)]
async fn activate_release(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<ReleaseInfo> {
    Ok(axum::Json(api.service.activate(&tenant, number).await?))
}

/// Goes back to the release that was active before.
///
/// Scope: `manage`.
#[utoipa::path(
    post, path = "/v1/releases/roll-back", tag = "Releases",
    responses(
        (status = 200, description = "The release that is active now.", body = ReleaseInfo),
        NotFound, Conflict, NotAdmitted, Full,
    ),
)]
async fn roll_back(Manager(tenant): Manager, State(api): State<Api>) -> Answer<ReleaseInfo> {
    Ok(axum::Json(api.service.roll_back(&tenant).await?))
}

/// Switches the tenant's strategy off.
///
/// Scope: `manage`. Events are taken and kept, and nothing is sent, until a release is activated.
#[utoipa::path(
    post, path = "/v1/releases/off", tag = "Releases",
    responses((status = 204, description = "No release is active."), Conflict, Full),
)]
async fn switch_off(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Result<StatusCode, Refusal> {
    api.service.switch_off(&tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}
