//! History in bulk: read line by line as it arrives and handed to the service in groups, so that memory does
//! not grow with the body. Touches the service and the pure parser of lines.

use axum::extract::State;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ingest::live::{Item, history};
use crate::service::words::{Imported, LineError};
use crate::service::{Service, TenantName};

use super::auth::Manager;
use super::body::{Line, Upload};
use super::document::{Full, NotFound, TooMany};
use super::extract::media_type;
use super::refusal::Refusal;
use super::{Answer, Api};

/// Lines that are handed over at once.
const GROUP: usize = 1000;
/// Bytes of lines after which a group is full, whatever it counts.
const GROUP_BYTES: usize = 4 << 20;
/// Refusals that are told; the others are counted.
const TOLD: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(import_history))
}

/// Imports history.
///
/// Scope: `manage`. One JSON object to a line: calls as Segment has them with their `type`, or simple rows
/// of `user`, `time` and `event`. Every line says when it happened. History fires nothing: it is what
/// policies see of users from then on.
///
/// Lines that make no sense are left out, counted, and the first 20 of them listed. A failure in the middle is
/// answered with a problem that says in `taken` and `refused` how far it got, in lines; what was taken stays.
/// To send the same body again is safe if its lines have a `messageId` each.
#[utoipa::path(
    post, path = "/v1/import", tag = "Events",
    request_body(
        content((String = "application/x-ndjson"), (String = "application/jsonl")),
        description = "Lines, gzip or not. They are read as they arrive.",
        example = "{\"user\":\"ada\",\"time\":\"2026-03-02T10:00:00Z\",\"event\":\"basket\"}\n",
    ),
    responses(
        (status = 200, description = "What became of it.", body = Imported),
        NotFound, TooMany, Full,
    ),
)]
async fn import_history(
    Manager(tenant): Manager,
    State(api): State<Api>,
    upload: Upload,
) -> Answer<Imported> {
    const TYPES: [&str; 4] = [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/json-lines",
    ];
    if !TYPES.contains(&media_type(&upload.headers).as_str()) {
        return Err(Refusal::unsupported("application/x-ndjson"));
    }
    let mut import = Import {
        service: &api.service,
        tenant: &tenant,
        group: Vec::new(),
        group_bytes: 0,
        so_far: Imported::default(),
    };
    match import.all(upload).await {
        Ok(()) => Ok(axum::Json(import.so_far)),
        Err(refusal) => {
            let Imported { taken, refused, errors } = import.so_far;
            let refusal = refusal.with("taken", taken).with("refused", refused);
            Err(refusal.with("lines", json!(errors)))
        }
    }
}

struct Import<'a> {
    service: &'a Service,
    tenant: &'a TenantName,
    group: Vec<Item>,
    group_bytes: usize,
    so_far: Imported,
}

impl Import<'_> {
    async fn all(&mut self, upload: Upload) -> Result<(), Refusal> {
        let limits = self.service.http_limits();
        let received = self.service.received();
        let line_bytes = received.limits.item_bytes;
        let mut lines = upload.lines(line_bytes, limits.import_bytes)?;
        loop {
            // What arrived before the body broke off is taken: it is history, whatever follows it.
            let next = lines.next().await;
            if !matches!(next, Ok(Some(_))) || self.is_full() {
                self.hand_over().await?;
            }
            let Some((line, bytes)) = next? else { return Ok(()) };
            match bytes {
                Line::TooLong => {
                    let reason = format!("the line has more than {line_bytes} bytes");
                    self.refuse(LineError { line, at: String::new(), reason });
                }
                Line::Whole(bytes) => match history::line(&bytes, &received) {
                    Ok(item) => {
                        self.group.push(item);
                        self.group_bytes = self.group_bytes.saturating_add(bytes.len());
                    }
                    Err(bad) => self.refuse(LineError { line, at: bad.at, reason: bad.reason }),
                },
            }
        }
    }

    fn is_full(&self) -> bool {
        self.group.len() >= GROUP || self.group_bytes >= GROUP_BYTES
    }

    fn refuse(&mut self, error: LineError) {
        self.so_far.refused = self.so_far.refused.saturating_add(1);
        if self.so_far.errors.len() < TOLD {
            self.so_far.errors.push(error);
        }
    }

    async fn hand_over(&mut self) -> Result<(), Refusal> {
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        let count = group.len() as u64;
        if count == 0 {
            return Ok(());
        }
        // An import has no time limit as a whole; each of its steps has that of a request.
        let most = self.service.http_limits().request_timeout;
        match tokio::time::timeout(most, self.service.import(self.tenant, group)).await {
            Ok(done) => done?,
            Err(_) => {
                let detail = "the import did not go on in time: try again later";
                return Err(Refusal::unavailable(detail));
            }
        }
        self.so_far.taken = self.so_far.taken.saturating_add(count);
        Ok(())
    }
}
