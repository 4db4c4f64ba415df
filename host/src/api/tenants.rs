//! Tenants and their keys. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::words::{
    CreatedKey, KeyInfo, KeyScope, NewKey, NewTenant, Page, Tenant, TenantChange,
};

use super::auth::{Admin, Keeper};
use super::document::{Conflict, NotFound};
use super::extract::{Json, Path};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_tenants, create_tenant))
        .routes(routes!(show_tenant, change_tenant, delete_tenant))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
}

/// Lists the tenants.
///
/// Scope: `admin`.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "Tenants and keys",
    responses((status = 200, description = "All tenants.", body = Page<Tenant>)),
)]
async fn list_tenants(_: Admin, State(api): State<Api>) -> Answer<Page<Tenant>> {
    Ok(all(api.service.tenants()))
}

/// Creates a tenant.
///
/// Scope: `admin`. A tenant begins with no key: create one of scope `manage` next.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "Tenants and keys",
    request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant.", body = Tenant,
            headers(("location" = String, description = "Its path."))),
        Conflict,
    ),
)]
async fn create_tenant(
    _: Admin,
    State(api): State<Api>,
    Json(new): Json<NewTenant>,
) -> Result<impl IntoResponse, Refusal> {
    let tenant = api.service.create_tenant(new).await?;
    let location = format!("/v1/tenants/{}", tenant.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(tenant)))
}

/// Shows a tenant.
///
/// Scope: `admin`.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", tag = "Tenants and keys",
    params(("tenant" = String, Path, description = "Its name.", example = "acme")),
    responses((status = 200, description = "The tenant.", body = Tenant), NotFound),
)]
async fn show_tenant(_: Admin, State(api): State<Api>, Path(name): Path<String>) -> Answer<Tenant> {
    Ok(axum::Json(api.service.tenant(&name)?))
}

/// Suspends a tenant or takes it up again.
///
/// Scope: `admin`. The keys of a suspended tenant are answered 403, its timers wait, and nothing of it is
/// sent. What it has is kept.
#[utoipa::path(
    patch, path = "/v1/tenants/{tenant}", tag = "Tenants and keys",
    params(("tenant" = String, Path, description = "Its name.", example = "acme")),
    request_body = TenantChange,
    responses((status = 200, description = "The tenant as it is now.", body = Tenant), NotFound),
)]
async fn change_tenant(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
    Json(change): Json<TenantChange>,
) -> Answer<Tenant> {
    Ok(axum::Json(api.service.change_tenant(&name, change).await?))
}

/// Deletes a tenant and all that it has.
///
/// Scope: `admin`. Its keys, users, events, policies and releases are gone for good.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}", tag = "Tenants and keys",
    params(("tenant" = String, Path, description = "Its name.", example = "acme")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict),
)]
async fn delete_tenant(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.service.delete_tenant(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the keys of a tenant, without their secrets.
///
/// Scope: `manage` of this tenant, or `admin`.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/keys", tag = "Tenants and keys",
    params(("tenant" = String, Path, description = "The tenant's name.", example = "acme")),
    responses((status = 200, description = "All its keys.", body = Page<KeyInfo>), NotFound),
)]
async fn list_keys(
    keeper: Keeper,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Answer<Page<KeyInfo>> {
    let tenant = keeper.of(&api.service, &name)?;
    Ok(all(api.service.keys(&tenant)?))
}

/// Creates a key of a tenant.
///
/// Scope: `manage` of this tenant, or `admin`. The answer is the only time that the key is shown whole. A
/// key of scope `ingest` may be put into an app or a page; one of scope `manage` may not.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/keys", tag = "Tenants and keys",
    params(("tenant" = String, Path, description = "The tenant's name.", example = "acme")),
    request_body(content = NewKey, example = json!({ "name": "the web shop", "scope": "ingest" })),
    responses(
        (status = 201, description = "The key, with its secret.", body = CreatedKey),
        NotFound, Conflict,
    ),
)]
async fn create_key(
    keeper: Keeper,
    State(api): State<Api>,
    Path(name): Path<String>,
    Json(new): Json<NewKey>,
) -> Result<impl IntoResponse, Refusal> {
    let tenant = keeper.of(&api.service, &name)?;
    if new.scope == KeyScope::Admin {
        // Whatever the service thinks of it: nobody makes more of themselves by this route.
        return Err(Refusal::invalid("a tenant's key is of scope ingest or manage"));
    }
    Ok((StatusCode::CREATED, axum::Json(api.service.create_key(&tenant, new).await?)))
}

/// Revokes a key of a tenant, at once.
///
/// Scope: `manage` of this tenant, or `admin`.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}/keys/{id}", tag = "Tenants and keys",
    params(
        ("tenant" = String, Path, description = "The tenant's name.", example = "acme"),
        ("id" = String, Path, description = "The key's public part."),
    ),
    responses((status = 204, description = "It is refused from now on."), NotFound),
)]
async fn revoke_key(
    keeper: Keeper,
    State(api): State<Api>,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let tenant = keeper.of(&api.service, &name)?;
    api.service.revoke_key(&tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
