//! What became of messages and what is known of users: receipts, attempts, users, and the tokens of their
//! devices. Touches the service only.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::WantedAttempts;
use crate::service::words::{AttemptInfo, NewReceipt, Page, UserInfo, UserToken};

use super::auth::{Manager, Sender};
use super::document::{Conflict, Full, NotFound, TooMany};
use super::extract::{Json, Path, Query, limit};
use super::refusal::Refusal;
use super::{Answer, Api};

/// Receipts that may be sent at once.
const RECEIPTS: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(send_receipts))
        .routes(routes!(list_attempts))
        .routes(routes!(resend_attempt))
        .routes(routes!(show_user))
        .routes(routes!(issue_token))
}

/// Receipts of a provider or an app.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReceipts {
    /// The receipts.
    #[schema(min_items = 1, max_items = 1000)]
    receipts: Vec<NewReceipt>,
}

/// Sends receipts: evidence of what became of attempts.
///
/// Scope: `ingest`. All of them are taken or none. The same receipt again does no harm, nor does one that
/// shows less than is known already.
#[utoipa::path(
    post, path = "/v1/receipts", tag = "Messages and users",
    request_body(content = NewReceipts, example = json!({ "receipts":
        [{ "tracking": "5f0c6d2e9b1a4c37", "shows": "opened" }] })),
    responses((status = 204, description = "They are taken."), NotFound, TooMany, Full),
)]
async fn send_receipts(
    Sender(tenant): Sender,
    State(api): State<Api>,
    Json(new): Json<NewReceipts>,
) -> Result<StatusCode, Refusal> {
    if !(1..=RECEIPTS).contains(&new.receipts.len()) {
        return Err(Refusal::invalid(format!("send between 1 and {RECEIPTS} receipts at once")));
    }
    api.service.receipts(&tenant, new.receipts).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which attempts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichAttempts {
    /// Only this user's.
    user: Option<String>,
    /// Only those that ended so: `accepted`, `failed` (the dead letters), `refused` or `called-off`.
    outcome: Option<String>,
    /// Only those of this message.
    message: Option<String>,
    /// Only those after this place: `next` of the answer before.
    after: Option<String>,
    /// How many at once.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// Lists attempts to reach users.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/attempts", tag = "Messages and users",
    params(WhichAttempts),
    responses((status = 200, description = "Some of them.", body = Page<AttemptInfo>)),
)]
async fn list_attempts(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Query(which): Query<WhichAttempts>,
) -> Answer<Page<AttemptInfo>> {
    let limit = limit(which.limit, 50, 500)?;
    let WhichAttempts { user, outcome, message, after, .. } = which;
    let wanted = WantedAttempts { user, outcome, message };
    Ok(axum::Json(api.service.attempts(&tenant, wanted, after, limit).await?))
}

/// Sends an attempt again that failed or was refused.
///
/// Scope: `manage`. It goes out under the same tracking id; suppressions and guard rails are asked again.
#[utoipa::path(
    post, path = "/v1/attempts/{tracking}/resend", tag = "Messages and users",
    params(("tracking" = String, Path, description = "Its tracking id.")),
    responses((status = 200, description = "It waits again.", body = AttemptInfo), NotFound, Conflict),
)]
async fn resend_attempt(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(tracking): Path<String>,
) -> Answer<AttemptInfo> {
    Ok(axum::Json(api.service.resend(&tenant, &tracking).await?))
}

/// How much about a user.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowMuch {
    /// How many of the latest turns.
    #[param(minimum = 1, maximum = 200, default = 20)]
    turns: Option<usize>,
}

/// Shows what is known of a user, and the latest events and decisions.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/users/{user}", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id."), HowMuch),
    responses((status = 200, description = "The user.", body = UserInfo), NotFound),
)]
async fn show_user(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(user): Path<String>,
    Query(how_much): Query<HowMuch>,
) -> Answer<UserInfo> {
    let turns = limit(how_much.turns, 20, 200)?;
    Ok(axum::Json(api.service.user(&tenant, &user, turns).await?))
}

/// Issues a token for a user's device.
///
/// Scope: `manage`. Your server asks for it once it knows who the user is, and hands it to the device, which
/// reads the user's inbox with it. The user need not be known to the service yet.
#[utoipa::path(
    post, path = "/v1/users/{user}/tokens", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id.")),
    responses((status = 201, description = "The token.", body = UserToken)),
)]
async fn issue_token(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(user): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    Ok((StatusCode::CREATED, axum::Json(api.service.issue_token(&tenant, &user)?)))
}
