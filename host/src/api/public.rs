//! What recipients and providers come to without a key: links in messages, the pages behind them,
//! files of mailboxes, and callbacks. A link names an attempt by its tracking id, or a file by a code, which nobody
//! can guess; a callback is signed. Not
//! part of the OpenAPI document: no program of a tenant calls them. Touches the service only.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::hosted::{self, Language};
use crate::service::{Error, Followed, Report, is_machine};

use super::Api;
use super::extract::Path;
use super::refusal::{self, Refusal};

/// Bytes of a form or a callback.
const MOST: usize = 64 << 10;

/// A picture of one pixel that nobody sees: the smallest GIF.
const PIXEL: [u8; 43] = [
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3b,
];

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/r/{token}", get(follow).post(read))
        .route("/o/{token}", get(opened))
        .route("/u/{token}", get(asks_to_unsubscribe).post(unsubscribe))
        .route("/p/{token}", get(preferences).post(choose))
        .route("/c/{token}", get(file))
        .route("/v1/callbacks/{tenant}/{channel}", get(callback).post(callback))
        .method_not_allowed_fallback(refusal::no_method)
        .layer(DefaultBodyLimit::max(MOST))
}

/// What a link names an attempt by. What cannot be read names none, as any other that is unknown.
struct Token(String);

impl FromRequestParts<Api> for Token {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let token = Path::<String>::from_request_parts(parts, api).await;
        Ok(Token(token.map(|Path(token)| token).unwrap_or_default()))
    }
}

/// What a page needs to know of who asks for it.
struct Visitor {
    machine: bool,
    languages: Option<String>,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Self::Rejection> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Visitor {
            machine: is_machine(parts.method.as_str(), header),
            languages: header("accept-language").map(str::to_owned),
        })
    }
}

impl Visitor {
    fn language(&self, locale: &str) -> Language {
        Language::of(locale, self.languages.as_deref())
    }
}

fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, html).into_response();
    for (name, value) in hosted::headers() {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

/// A link that leads nowhere says nothing about anybody; all else is told as it is.
fn lost(error: Error, visitor: &Visitor) -> Response {
    match error {
        Error::NotFound(_) => page(StatusCode::NOT_FOUND, hosted::unknown(visitor.language(""))),
        error => Refusal::from(error).into_response(),
    }
}

fn shown(followed: Result<Followed, Error>, visitor: &Visitor) -> Response {
    match followed {
        // See other: whatever brought them here, they fetch what is there.
        Ok(Followed::To(link)) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            match link.parse() {
                Ok(link) => response.headers_mut().insert(header::LOCATION, link),
                Err(_) => return lost(Error::NotFound("such link".to_owned()), visitor),
            };
            response
                .headers_mut()
                .insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
            response
        }
        Ok(Followed::Page(message, locale)) => {
            page(StatusCode::OK, hosted::read(&message, visitor.language(&locale)))
        }
        Err(error) => lost(error, visitor),
    }
}

async fn follow(State(api): State<Api>, Token(token): Token, visitor: Visitor) -> Response {
    shown(api.service.follow(&token, visitor.machine).await, &visitor)
}

async fn read(State(api): State<Api>, Token(token): Token, visitor: Visitor) -> Response {
    shown(api.service.read(&token, visitor.machine).await, &visitor)
}

async fn opened(State(api): State<Api>, Token(token): Token, visitor: Visitor) -> Response {
    // Whoever looks at the mail gets their picture, whatever becomes of the evidence.
    if let Err(error) = api.service.opened(&token, visitor.machine).await
        && !matches!(error, Error::NotFound(_))
    {
        tracing::warn!("a picture was fetched, and that could not be noted: {error}");
    }
    ([(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")], PIXEL)
        .into_response()
}

async fn asks_to_unsubscribe(
    State(api): State<Api>,
    Token(token): Token,
    visitor: Visitor,
) -> Response {
    match api.service.subscription(&token).await {
        Ok((about, locale)) => {
            let preferences = Some(format!("/p/{token}"));
            let shown = hosted::Unsubscribe { about, action: format!("/u/{token}"), preferences };
            page(StatusCode::OK, hosted::unsubscribe(&shown, visitor.language(&locale)))
        }
        Err(error) => lost(error, &visitor),
    }
}

async fn unsubscribe(
    State(api): State<Api>,
    Token(token): Token,
    visitor: Visitor,
    body: Bytes,
) -> Response {
    let fields = hosted::chosen(&body).unwrap_or_default();
    let undo = hosted::is_undo(&fields);
    if !undo && !hosted::is_one_click(&body) {
        let detail = "the body is `List-Unsubscribe=One-Click` (RFC 8058)";
        return Refusal::invalid(detail).into_response();
    }
    let done = async {
        api.service.unsubscribe(&token, undo).await?;
        api.service.subscription(&token).await
    };
    match done.await {
        Ok((about, locale)) => {
            let language = visitor.language(&locale);
            let (own, preferences) = (format!("/u/{token}"), format!("/p/{token}"));
            let html = if undo {
                let preferences = Some(preferences);
                hosted::unsubscribe(
                    &hosted::Unsubscribe { about, action: own, preferences },
                    language,
                )
            } else {
                let (undo, preferences) = (Some(own), Some(preferences));
                hosted::unsubscribed(&hosted::Unsubscribed { about, undo, preferences }, language)
            };
            page(StatusCode::OK, html)
        }
        Err(error) => lost(error, &visitor),
    }
}

async fn preferences(State(api): State<Api>, Token(token): Token, visitor: Visitor) -> Response {
    chosen_page(&api, &token, &visitor, false).await
}

async fn choose(
    State(api): State<Api>,
    Token(token): Token,
    visitor: Visitor,
    body: Bytes,
) -> Response {
    let fields = match hosted::chosen(&body) {
        Ok(fields) => fields,
        Err(error) => return Refusal::invalid(error.to_string()).into_response(),
    };
    let choice = hosted::Choice::of(&fields);
    if matches!(&choice, hosted::Choice::Each(each) if each.is_empty()) {
        return Refusal::invalid("the form says nothing").into_response();
    }
    match api.service.choose(&token, choice).await {
        Ok(()) => chosen_page(&api, &token, &visitor, true).await,
        Err(error) => lost(error, &visitor),
    }
}

async fn chosen_page(api: &Api, token: &str, visitor: &Visitor, saved: bool) -> Response {
    match api.service.preferences(token, &format!("/p/{token}")).await {
        Ok((mut shown, locale)) => {
            shown.saved = saved;
            page(StatusCode::OK, hosted::preferences(&shown, visitor.language(&locale)))
        }
        Err(error) => lost(error, visitor),
    }
}

/// A file of a mailbox. Whatever it is, a browser stores it and does not run it.
async fn file(State(api): State<Api>, Token(token): Token, visitor: Visitor) -> Response {
    let file = match api.service.content_file(&token).await {
        Ok(file) => file,
        Err(error) => return lost(error, &visitor),
    };
    let headers = [
        (header::CONTENT_TYPE, file.media_type),
        (header::CONTENT_DISPOSITION, attached(&file.name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        // The link is the right to the file, and ends with it.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow".to_owned()),
    ];
    (headers, file.bytes).into_response()
}

/// Says what a file is called when it is stored (RFC 6266): as well as ASCII can, and then as it is.
fn attached(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' };
    let plain: String = name.chars().map(plain).collect();
    let mut whole = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            whole.push(char::from(byte));
        } else {
            whole.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

async fn callback(
    State(api): State<Api>,
    Path((tenant, channel)): Path<(String, String)>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let told = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let report = Report {
        method: method.as_str().to_owned(),
        path: uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.iter().filter_map(told).collect(),
        body: body.to_vec(),
    };
    match api.service.report(&tenant, &channel, report).await {
        Ok(Some((media, answer))) => ([(header::CONTENT_TYPE, media)], answer).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}
