//! Who asks, and for which tenant: the extractors that stand before every handler. A route cannot get at
//! a tenant's name but through one of them. Asks the service about keys and tokens; touches nothing else.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;

use crate::service::words::KeyScope;
use crate::service::{Caller, Device, Error, Service, TenantName};

use super::Api;
use super::extract::Query;
use super::refusal::Refusal;

/// The header with which a request names its tenant.
pub(super) const TENANT: &str = "nudge-tenant";

/// Somebody with a key of scope admin.
pub(super) struct Admin;

impl FromRequestParts<Api> for Admin {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        needs(&caller(parts, api)?, KeyScope::Admin).map(|()| Admin)
    }
}

/// Somebody who may do everything of this tenant.
pub(super) struct Manager(pub(super) TenantName);

impl FromRequestParts<Api> for Manager {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let caller = caller(parts, api)?;
        Ok(Manager(tenant(&api.service, &caller, KeyScope::Manage, &parts.headers)?))
    }
}

/// Somebody who may send events of this tenant.
pub(super) struct Sender(pub(super) TenantName);

impl FromRequestParts<Api> for Sender {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let caller = caller(parts, api)?;
        Ok(Sender(tenant(&api.service, &caller, KeyScope::Ingest, &parts.headers)?))
    }
}

/// Somebody who may deal with the keys of tenants: of which, the path says.
pub(super) struct Keeper(Caller);

impl FromRequestParts<Api> for Keeper {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let caller = caller(parts, api)?;
        needs(&caller, KeyScope::Manage)?;
        Ok(Keeper(caller))
    }
}

impl Keeper {
    /// The tenant of that name, if the keeper may know of it.
    pub(super) fn of(&self, service: &Service, name: &str) -> Result<TenantName, Refusal> {
        named(service, &self.0, name)
    }
}

/// A user's device, and the token that it showed.
pub(super) struct Reader {
    pub(super) device: Device,
    pub(super) token: Arc<str>,
}

/// EventSource cannot send headers.
#[derive(Deserialize)]
struct InQuery {
    token: Option<String>,
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let token = match authorization(&parts.headers)? {
            Some(header) => bearer(header).map(str::to_owned),
            None => Query::<InQuery>::from_request_parts(parts, api).await?.0.token,
        };
        let token = token.ok_or(Error::Unauthorized("this needs a user's token"))?;
        Ok(Reader { device: api.service.device(&token)?, token: token.into() })
    }
}

/// Who sends, by the header or, if there is none, by the write key that stands in the body.
pub(super) fn writer(
    service: &Service,
    headers: &HeaderMap,
    write_key: Option<&str>,
) -> Result<TenantName, Refusal> {
    let caller = match (authorization(headers)?, write_key) {
        (None, Some(key)) => service.authenticate_key(key)?,
        (header, _) => service.authenticate(header)?,
    };
    tenant(service, &caller, KeyScope::Ingest, headers)
}

fn caller(parts: &Parts, api: &Api) -> Result<Caller, Refusal> {
    Ok(api.service.authenticate(authorization(&parts.headers)?)?)
}

fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => {
            let text = one.to_str();
            text.map(Some).map_err(|_| Error::Unauthorized("the header authorization is not text"))
        }
        (Some(_), Some(_)) => Err(Error::Unauthorized("there are two headers authorization")),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn needs(caller: &Caller, scope: KeyScope) -> Result<(), Refusal> {
    if caller.scope.allows(scope) {
        return Ok(());
    }
    let scope = match scope {
        KeyScope::Ingest => "ingest",
        KeyScope::Manage => "manage",
        KeyScope::Admin => "admin",
    };
    Err(Error::Forbidden(format!("this needs a key of scope {scope}")).into())
}

/// The tenant that a request is about.
fn tenant(
    service: &Service,
    caller: &Caller,
    scope: KeyScope,
    headers: &HeaderMap,
) -> Result<TenantName, Refusal> {
    needs(caller, scope)?;
    match (headers.get(TENANT), &caller.tenant) {
        (Some(name), _) => {
            let name = name.to_str().map_err(|_| Error::invalid("nudge-tenant is not text"))?;
            named(service, caller, name)
        }
        (None, Some(own)) => Ok(own.clone()),
        (None, None) => {
            let detail = "an admin key belongs to no tenant: name one in the header nudge-tenant";
            Err(Refusal::invalid(detail))
        }
    }
}

/// The tenant of that name, if the caller may know of it. A tenant that is not the caller's looks
/// like one that does not exist: the service is not even asked.
fn named(service: &Service, caller: &Caller, name: &str) -> Result<TenantName, Refusal> {
    match &caller.tenant {
        Some(own) if own.as_str() == name => Ok(own.clone()),
        None if caller.scope == KeyScope::Admin => Ok(service.tenant_name(name)?),
        _ => Err(Error::NotFound("tenant of this name".to_owned()).into()),
    }
}
