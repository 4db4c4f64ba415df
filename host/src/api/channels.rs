//! Channels that a tenant sets up, and addresses that nothing is sent to. Touches the service only.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{
    ChannelInfo, ConsentInfo, NewChannel, NewSuppression, Page, SuppressionInfo,
};

use super::auth::{Manager, Sender};
use super::document::{Conflict, Full, NotFound, TooMany};
use super::extract::{Json, Path, Query, limit};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_channels))
        .routes(routes!(show_channel, put_channel, delete_channel))
        .routes(routes!(list_suppressions, suppress))
        .routes(routes!(unsuppress))
        .routes(routes!(say_consents))
}

/// Lists the channels that the tenant has set up.
///
/// Scope: `manage`. `app` and `log` are there without that.
#[utoipa::path(
    get, path = "/v1/channels", tag = "Channels",
    responses((status = 200, description = "All of them.", body = Page<ChannelInfo>)),
)]
async fn list_channels(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Answer<Page<ChannelInfo>> {
    Ok(all(api.service.channels(&tenant).await?))
}

/// Shows a channel, and whether its messages go out.
///
/// Scope: `manage`. Secrets are shown as `***`.
#[utoipa::path(
    get, path = "/v1/channels/{channel}", tag = "Channels",
    params(("channel" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The channel.", body = ChannelInfo), NotFound),
)]
async fn show_channel(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(channel): Path<String>,
) -> Answer<ChannelInfo> {
    Ok(axum::Json(api.service.channel(&tenant, &channel).await?))
}

/// Sets a channel up, or up anew.
///
/// Scope: `manage`. What waits for it goes out with the new settings. A secret is encrypted with the
/// operator's key before it is stored, and never shown again; send `***` in its place to leave it as it is.
#[utoipa::path(
    put, path = "/v1/channels/{channel}", tag = "Channels",
    params(("channel" = String, Path, description = "Its name: lower-case letters, digits, hyphens.")),
    request_body(content = NewChannel, example = json!({ "kind": "webhook", "settings": {
        "url": "https://example.com/hook", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] } })),
    responses(
        (status = 200, description = "It is changed.", body = ChannelInfo),
        (status = 201, description = "It is set up.", body = ChannelInfo),
        NotFound, Conflict, Full,
    ),
)]
async fn put_channel(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(channel): Path<String>,
    Json(new): Json<NewChannel>,
) -> Result<impl IntoResponse, Refusal> {
    let (channel, new) = api.service.put_channel(&tenant, &channel, new).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(channel)))
}

/// Removes a channel.
///
/// Scope: `manage`. What waits for it fails.
#[utoipa::path(
    delete, path = "/v1/channels/{channel}", tag = "Channels",
    params(("channel" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is gone."), NotFound),
)]
async fn delete_channel(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(channel): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.service.delete_channel(&tenant, &channel).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which suppressions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichSuppressions {
    /// Only those after this place: `next` of the answer before.
    after: Option<String>,
    /// How many at once.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// Lists addresses that nothing is sent to.
///
/// Scope: `manage`. Only hashes of addresses are kept: those that providers said are dead, and those that
/// were put there.
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "Channels",
    params(WhichSuppressions),
    responses((status = 200, description = "Some of them.", body = Page<SuppressionInfo>)),
)]
async fn list_suppressions(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Query(which): Query<WhichSuppressions>,
) -> Answer<Page<SuppressionInfo>> {
    let limit = limit(which.limit, 50, 500)?;
    Ok(axum::Json(api.service.suppressions(&tenant, which.after, limit).await?))
}

/// Addresses to be suppressed.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSuppressions {
    /// The addresses.
    #[schema(min_items = 1, max_items = 1000)]
    suppressions: Vec<NewSuppression>,
}

/// Sees to it that nothing is sent to addresses.
///
/// Scope: `manage`. It counts for whoever has the address, from the next attempt on.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "Channels",
    request_body(content = NewSuppressions, example = json!({ "suppressions":
        [{ "channel": "email", "address": "ann@example.com", "reason": "complaint" }] })),
    responses((status = 204, description = "They are on the list."), TooMany, Full),
)]
async fn suppress(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Json(new): Json<NewSuppressions>,
) -> Result<StatusCode, Refusal> {
    if !(1..=1000).contains(&new.suppressions.len()) {
        return Err(Refusal::invalid("send between 1 and 1000 suppressions at once"));
    }
    api.service.suppress(&tenant, new.suppressions).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets an address be sent to again.
///
/// Scope: `manage`. A user's own word, and what a user's device has unsubscribed from, is not touched.
#[utoipa::path(
    post, path = "/v1/suppressions/removals", tag = "Channels",
    request_body(content = NewSuppression, example = json!({ "channel": "email", "address": "ann@example.com" })),
    responses((status = 204, description = "It is off the list."), NotFound),
)]
async fn unsuppress(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Json(old): Json<NewSuppression>,
) -> Result<StatusCode, Refusal> {
    api.service.unsuppress(&tenant, old).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a user says.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConsents {
    /// Word by word; a later one does away with what it covers.
    #[schema(min_items = 1, max_items = 100)]
    consents: Vec<ConsentInfo>,
}

/// Says which messages a user wants.
///
/// Scope: `ingest`. Without a topic it is about all topics, without a channel about all channels. Messages
/// that are under way and not wanted any more are called off.
#[utoipa::path(
    post, path = "/v1/users/{user}/consents", tag = "Messages and users",
    params(("user" = String, Path, description = "The user's id.")),
    request_body(content = NewConsents, example = json!({ "consents":
        [{ "topic": "offers", "channel": "sms", "allowed": false }] })),
    responses((status = 204, description = "It is heard."), TooMany, Full),
)]
async fn say_consents(
    Sender(tenant): Sender,
    State(api): State<Api>,
    Path(user): Path<String>,
    Json(new): Json<NewConsents>,
) -> Result<StatusCode, Refusal> {
    if !(1..=100).contains(&new.consents.len()) {
        return Err(Refusal::invalid("send between 1 and 100 consents at once"));
    }
    api.service.consent(&tenant, &user, new.consents).await?;
    Ok(StatusCode::NO_CONTENT)
}
