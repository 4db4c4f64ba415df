//! Lets pages of any origin use the routes that browsers are meant to use. No credentials: a key or token
//! is always sent by the page itself, so that no other page can send it for its user. Touches nothing.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// The layer of those routes.
pub(super) async fn any_origin(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if asks { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if asks {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        // The wildcard does not stand for authorization, which has to be named.
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, last-event-id, *");
        set(header::ACCESS_CONTROL_MAX_AGE, "86400");
    } else {
        expose(headers);
    }
    response
}

fn expose(headers: &mut HeaderMap) {
    let retry = HeaderValue::from_static("retry-after");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, retry);
}
