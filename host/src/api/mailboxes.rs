//! Mailboxes that a tenant sets up, and what is in them. Touches the service only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::mailbox::mime::File;
use crate::service::NewContent;
use crate::service::words::{ContentInfo, MailboxInfo, NewMailbox, Page};

use super::auth::Manager;
use super::body::Upload;
use super::document::{Conflict, Full, NotFound, TooMany};
use super::extract::{Json, Path, Query, media_type};
use super::refusal::Refusal;
use super::{Answer, Api, all};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_mailboxes))
        .routes(routes!(show_mailbox, put_mailbox, delete_mailbox))
        .routes(routes!(list_contents, keep_content))
        .routes(routes!(show_content))
}

/// Lists the mailboxes.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/mailboxes", tag = "Mailboxes",
    responses((status = 200, description = "All of them.", body = Page<MailboxInfo>)),
)]
async fn list_mailboxes(
    Manager(tenant): Manager,
    State(api): State<Api>,
) -> Answer<Page<MailboxInfo>> {
    Ok(all(api.service.mailboxes(&tenant)?))
}

/// Shows a mailbox.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/mailboxes/{mailbox}", tag = "Mailboxes",
    params(("mailbox" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The mailbox.", body = MailboxInfo), NotFound),
)]
async fn show_mailbox(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(mailbox): Path<String>,
) -> Answer<MailboxInfo> {
    Ok(axum::Json(api.service.mailbox(&tenant, &mailbox)?))
}

/// Sets a mailbox up, or up anew.
///
/// Scope: `manage`. Mail for it goes to `<mailbox>.<tenant>@<domain>`, if the service takes mail. What is in it
/// stays.
#[utoipa::path(
    put, path = "/v1/mailboxes/{mailbox}", tag = "Mailboxes",
    params(("mailbox" = String, Path, description = "Its name: lower-case letters, digits, hyphens.")),
    request_body(content = NewMailbox, example = json!({ "senders": ["*@shop.example"] })),
    responses(
        (status = 200, description = "It is changed.", body = MailboxInfo),
        (status = 201, description = "It is set up.", body = MailboxInfo),
        NotFound, Conflict, Full,
    ),
)]
async fn put_mailbox(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(mailbox): Path<String>,
    Json(new): Json<NewMailbox>,
) -> Result<impl IntoResponse, Refusal> {
    let (mailbox, new) = api.service.put_mailbox(&tenant, &mailbox, new).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(mailbox)))
}

/// Removes a mailbox with all that is in it.
///
/// Scope: `manage`. Links to its files lead nowhere from then on, unless another mailbox has the same files.
#[utoipa::path(
    delete, path = "/v1/mailboxes/{mailbox}", tag = "Mailboxes",
    params(("mailbox" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is gone."), NotFound),
)]
async fn delete_mailbox(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(mailbox): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.service.delete_mailbox(&tenant, &mailbox).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what is in a mailbox, newest first.
///
/// Scope: `manage`. The newest is the one that messages are composed with.
#[utoipa::path(
    get, path = "/v1/mailboxes/{mailbox}/contents", tag = "Mailboxes",
    params(("mailbox" = String, Path, description = "The mailbox's name.")),
    responses((status = 200, description = "All of it.", body = Page<ContentInfo>), NotFound),
)]
async fn list_contents(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(mailbox): Path<String>,
) -> Answer<Page<ContentInfo>> {
    Ok(all(api.service.contents(&tenant, &mailbox).await?))
}

/// What a content is called.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Called {
    /// Its subject.
    #[param(max_length = 500)]
    subject: Option<String>,
    /// The name of the file that the body is. Without it the body is a text.
    #[param(max_length = 200)]
    name: Option<String>,
}

/// Puts a text or a file into a mailbox, as a mail would.
///
/// Scope: `manage`. Without `name` the body is a text in UTF-8, of 64 KiB at most; with it, a file of any media
/// type. If the mailbox is full, its oldest content makes way.
#[utoipa::path(
    post, path = "/v1/mailboxes/{mailbox}/contents", tag = "Mailboxes",
    params(("mailbox" = String, Path, description = "The mailbox's name."), Called),
    request_body(content(
        (String = "text/plain", example = "Come back, and have a look."),
        (inline(super::document::Octets) = "application/octet-stream"),
    ), description = "The text, or the file in its own media type; at most what the mailbox takes."),
    responses(
        (status = 201, description = "It is stored.", body = ContentInfo,
            headers(("location" = String, description = "Its path."))),
        NotFound, Conflict, TooMany, Full,
    ),
)]
async fn keep_content(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path(mailbox): Path<String>,
    Query(called): Query<Called>,
    upload: Upload,
) -> Result<impl IntoResponse, Refusal> {
    let most = api.service.mailbox(&tenant, &mailbox)?.max_bytes;
    let media_type = media_type(&upload.headers);
    let subject = called.subject.unwrap_or_default();
    let new = match called.name {
        None if media_type != "text/plain" => {
            let reads = "text/plain; a file of another type has a `name` in the query";
            return Err(Refusal::unsupported(reads));
        }
        None => {
            let bytes = upload.whole(most).await?;
            let text = String::from_utf8(bytes.into())
                .map_err(|_| Refusal::invalid("the text is not UTF-8"))?;
            NewContent { subject, text, files: Vec::new() }
        }
        Some(name) => {
            let bytes = upload.whole(most).await?.to_vec();
            NewContent {
                subject,
                text: String::new(),
                files: vec![File { name, media_type, bytes }],
            }
        }
    };
    let content = api.service.keep_content(&tenant, &mailbox, new).await?;
    let location = format!("/v1/mailboxes/{mailbox}/contents/{}", content.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(content)))
}

/// Shows a content of a mailbox.
///
/// Scope: `manage`.
#[utoipa::path(
    get, path = "/v1/mailboxes/{mailbox}/contents/{id}", tag = "Mailboxes",
    params(
        ("mailbox" = String, Path, description = "The mailbox's name."),
        ("id" = String, Path, description = "Its number."),
    ),
    responses((status = 200, description = "The content.", body = ContentInfo), NotFound),
)]
async fn show_content(
    Manager(tenant): Manager,
    State(api): State<Api>,
    Path((mailbox, id)): Path<(String, String)>,
) -> Answer<ContentInfo> {
    Ok(axum::Json(api.service.content(&tenant, &mailbox, &id).await?))
}
