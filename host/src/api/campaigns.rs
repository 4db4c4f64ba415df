//! Groups, campaigns and what messages cost. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{
    CampaignInfo, CampaignPreview, CostReport, GroupInfo, MemberInfo, NewCampaign, Page,
};

use super::auth::Manager;
use super::document::{Conflict, Full, NotFound, TooMany};
use super::extract::{Json, Path, Query, limit};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_groups))
        .routes(routes!(list_members))
        .routes(routes!(list_campaigns, create_campaign))
        .routes(routes!(show_campaign, delete_campaign))
        .routes(routes!(launch_campaign))
        .routes(routes!(pause_campaign))
        .routes(routes!(cancel_campaign))
        .routes(routes!(show_costs))
}

/// What looks at every member of a group takes as long as that does.
pub(super) fn of_any_length() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(preview_campaign))
}

/// Lists the groups, with how many users belong to each.
///
/// Scope: `manage`. The group table: which groups there are is said by the segment criteria of the release at
/// work; who belongs to them changes with every event, and as counts fall.
#[utoipa::path(
    get, path = "/v1/groups", tag = "Campaigns",
    responses((status = 200, description = "All groups.", body = Page<GroupInfo>)),
)]
async fn list_groups(Manager(tenant): Manager, State(api): State<Api>) -> Answer<Page<GroupInfo>> {
    Ok(all(api.service.groups(&tenant).await?))
}

/// Which members.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichMembers {
    /// Only those after this place: `next` of the answer before.
    after: Option<String>,
    /// How many at once.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// Lists the members of a group in the order in which they joined.
///
/// Scope: `manage`. A group that nobody belongs to has no members, whether it exists or not.
#[utoipa::path(
    get, path = "/v1/groups/{policy}/{group}/members", tag = "Campaigns",
    params(
        ("policy" = String, Path, description = "The label of the segment criteria."),
        ("group" = String, Path, description = "The group."),
        WhichMembers,
    ),
    responses((status = 200, description = "Some of them.", body = Page<MemberInfo>)),
)]
async fn list_members(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path((policy, group)): Path<(String, String)>,
    Query(which): Query<WhichMembers>,
) -> Answer<Page<MemberInfo>> {
    let most = limit(which.limit, 100, 1_000)?;
    Ok(axum::Json(api.service.members(&tenant, policy, group, which.after, most).await?))
}

/// Lists the campaigns, newest first.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "Campaigns",
    responses((status = 200, description = "All campaigns.", body = Page<CampaignInfo>)),
)]
async fn list_campaigns(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Answer<Page<CampaignInfo>> {
    Ok(all(api.service.campaigns(&tenant).await?))
}

/// Composes a campaign. It reaches nobody before it is launched.
///
/// Scope: `manage`. Segment criteria of the release at work compose it of the parameters, and say everything that
/// is wrong with those.
#[utoipa::path(
    post, path = "/v1/campaigns", tag = "Campaigns",
    request_body(content = NewCampaign, example = json!({ "policy": "audience",
        "parameters": { "name": "spring", "type": "loan", "message": "spring" }, "hold_out": 10 })),
    responses(
        (status = 201, description = "The campaign, a draft.", body = CampaignInfo,
            headers(("location" = String, description = "Its path."))),
        NotFound, Conflict, Full,
    ),
)]
async fn create_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Json(new): Json<NewCampaign>,
) -> Result<impl IntoResponse, Refusal> {
    let campaign = api.service.create_campaign(&tenant, new).await?;
    let location = format!("/v1/campaigns/{}", campaign.number);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(campaign)))
}

/// Says whom a campaign would reach now. Nothing is kept, and nothing is sent.
///
/// Scope: `manage`. Every member of the initial group is looked at, which takes a second for some hundred
/// thousand.
#[utoipa::path(
    post, path = "/v1/campaigns/preview", tag = "Campaigns",
    request_body(content = NewCampaign, example = json!({ "policy": "audience",
        "parameters": { "name": "spring", "type": "loan", "message": "spring" } })),
    responses(
        (status = 200, description = "How many, and some of them.", body = CampaignPreview),
        NotFound, Conflict, TooMany,
    ),
)]
async fn preview_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Json(new): Json<NewCampaign>,
) -> Answer<CampaignPreview> {
    Ok(axum::Json(api.service.preview_campaign(&tenant, new).await?))
}

/// Shows a campaign: how far it has got and what came of it.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}", tag = "Campaigns",
    params(("campaign" = u64, Path, description = "Its number.", example = 3)),
    responses((status = 200, description = "The campaign.", body = CampaignInfo), NotFound),
)]
async fn show_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<CampaignInfo> {
    Ok(axum::Json(api.service.campaign(&tenant, number).await?))
}

/// Deletes a campaign that is not going out, with what was counted of it.
///
/// Scope: `manage`. What it has sent stays.
#[utoipa::path(
    delete, path = "/v1/campaigns/{campaign}", tag = "Campaigns",
    params(("campaign" = u64, Path, description = "Its number.", example = 3)),
    responses((status = 204, description = "It is gone."), NotFound, Conflict, Full),
)]
async fn delete_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Result<StatusCode, Refusal> {
    api.service.delete_campaign(&tenant, number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a campaign go out, from the beginning or from where it was paused.
///
/// Scope: `manage`. Each member of the initial group who meets the push standard is reached once.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/launch", tag = "Campaigns",
    params(("campaign" = u64, Path, description = "Its number.", example = 3)),
    responses(
        (status = 200, description = "The campaign, running.", body = CampaignInfo),
        NotFound, Conflict, Full,
    ),
)]
async fn launch_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<CampaignInfo> {
    Ok(axum::Json(api.service.launch_campaign(&tenant, number).await?))
}

/// Halts a campaign where it is. Launch it to have it go on from there.
///
/// Scope: `manage`.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/pause", tag = "Campaigns",
    params(("campaign" = u64, Path, description = "Its number.", example = 3)),
    responses(
        (status = 200, description = "The campaign, paused.", body = CampaignInfo),
        NotFound, Conflict, Full,
    ),
)]
async fn pause_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<CampaignInfo> {
    Ok(axum::Json(api.service.pause_campaign(&tenant, number).await?))
}

/// Ends a campaign for good.
///
/// Scope: `manage`. It reaches nobody more; messages that are under way go on.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/cancel", tag = "Campaigns",
    params(("campaign" = u64, Path, description = "Its number.", example = 3)),
    responses(
        (status = 200, description = "The campaign, cancelled.", body = CampaignInfo),
        NotFound, Conflict, Full,
    ),
)]
async fn cancel_campaign(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(number): Path<u64>,
) -> Answer<CampaignInfo> {
    Ok(axum::Json(api.service.cancel_campaign(&tenant, number).await?))
}

/// Says what messages cost and what came of them: by channel and by message.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/costs", tag = "Campaigns",
    responses((status = 200, description = "Since the tenant was created.", body = CostReport)),
)]
async fn show_costs(Manager(tenant): Manager, State(api): State<Api>) -> Answer<CostReport> {
    Ok(axum::Json(api.service.costs(&tenant).await?))
}
