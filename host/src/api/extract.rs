//! What requests bring, read so that whatever is wrong with it is said as a problem: JSON bodies, query
//! parameters, and parts of paths. Touches nothing.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::sandbox::Issue;

use super::Api;
use super::body::Upload;
use super::refusal::Refusal;

/// Bytes of a JSON body of those routes that do not say otherwise.
pub(super) const JSON_BYTES: usize = 256 << 10;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let upload = Upload::from_request(request, api).await?;
        if !is_json(&media_type(&upload.headers)) {
            return Err(Refusal::unsupported("application/json"));
        }
        json(&upload.whole(JSON_BYTES).await?).map(Json)
    }
}

/// The content-type without its parameters, in lower case; empty if there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub(super) fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || media_type.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"))
}

/// Reads a document; says where it is wrong.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let wrong = |path: String, error: &serde_json::Error| {
        let message = error.to_string();
        Refusal::issues("the body is not what it should be", vec![Issue { path, message }])
    };
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| wrong(pointer(error.path()), error.inner()))?;
    reader.end().map_err(|error| wrong(String::new(), &error))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}

/// The query parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refusal> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(error) => Err(Refusal::invalid(error.body_text())),
        }
    }
}

/// Parts of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        match axum::extract::Path::from_request_parts(parts, api).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(error) => Err(Refusal::invalid(error.body_text())),
        }
    }
}

/// A letter's number. None is so high that languages with signed numbers could not read it.
pub(super) fn number(asked: Option<u64>) -> Result<Option<u64>, Refusal> {
    match asked {
        Some(n) if i64::try_from(n).is_err() => {
            Err(Refusal::invalid(format!("there are no numbers as high as {n}")))
        }
        asked => Ok(asked),
    }
}

/// A number of things that may be asked for at once.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Refusal> {
    match asked {
        None => Ok(usual),
        Some(n) if (1..=most).contains(&n) => Ok(n),
        Some(n) => Err(Refusal::invalid(format!("{n} is not between 1 and {most}"))),
    }
}
