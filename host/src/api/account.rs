//! The service accounts for itself: why users got what they got, whether the log is what was written, all that is
//! kept about somebody, and nothing of it any more. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::story::{Explanation, Export, Proof};

use super::auth::Manager;
use super::document::NotFound;
use super::extract::{Path, Query};
use super::refusal::Refusal;
use super::{Answer, Api};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(explain_user))
        .routes(routes!(export_user))
        .routes(routes!(erase_user))
        .routes(routes!(prove_log))
}

/// What is to be explained.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhatAbout {
    /// Only what is about this message.
    message: Option<String>,
}

/// Explains why a user got what they got, and why not what they did not.
///
/// Scope: `manage`. The log about the user is done again from the beginning, with the releases that were at work:
/// each line with its decisions, what policies were asked and answered, and whether the same came out; each message
/// with its attempts and what stopped it; and for each node policy why nothing is said now.
#[utoipa::path(
    get, path = "/v1/users/{user}/explanation", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id."), WhatAbout),
    responses((status = 200, description = "The explanation.", body = Explanation), NotFound),
)]
async fn explain_user(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(user): Path<String>,
    Query(what): Query<WhatAbout>,
) -> Answer<Explanation> {
    Ok(axum::Json(api.service.explain(&tenant, &user, what.message).await?))
}

/// Exports all that is kept about a user.
///
/// Scope: `manage`. One document: what is known of the user and what they have said about being messaged, all events
/// and decisions, attempts with the evidence about them, and what they found in the app; of whoever turned out to be
/// the same user, too. Addresses on the suppression list are kept as hashes, which belong to nobody.
#[utoipa::path(
    get, path = "/v1/users/{user}/export", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id.")),
    responses((status = 200, description = "The document.", body = Export), NotFound),
)]
async fn export_user(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(user): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let export = api.service.export(&tenant, &user).await?;
    let attachment = "attachment; filename=\"user.json\"";
    Ok(([(header::CONTENT_DISPOSITION, attachment)], axum::Json(export)))
}

/// Erases a user.
///
/// Scope: `manage`. State, attempts, letters and evidence go, and each line of the log about the user, or about
/// whoever turned out to be the same, makes way for its hash, so that the log can still be proved. It cannot be
/// undone. Whoever comes by the same name afterwards is somebody new. Answered 503, it goes on by itself.
#[utoipa::path(
    delete, path = "/v1/users/{user}", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id.")),
    responses((status = 204, description = "Nothing is left."), NotFound),
)]
async fn erase_user(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(user): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.service.erase(&tenant, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves the log.
///
/// Scope: `manage`. Each record of the log is chained to the one before by a hash; the whole chain is looked through.
/// Note the head elsewhere: `nudge verify --expect` finds out later whether the log still leads to it.
#[utoipa::path(
    get, path = "/v1/log/proof", tag = "Messages and users",
    responses((status = 200, description = "What was found.", body = Proof)),
)]
async fn prove_log(Manager(tenant): Manager, State(api): State<Api>) -> Answer<Proof> {
    Ok(axum::Json(api.service.verify(&tenant).await?))
}
