//! The one place where a refusal becomes a response: every error of the service, and everything that
//! axum or this interface refuses by itself, leaves as `application/problem+json`. Touches nothing.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::sandbox::{AdmitError, Issue};
use crate::service::Error;

use super::problem::{self, Problem};

/// How long a client should leave the service alone, in seconds, where nobody knows better.
const A_WHILE: u64 = 5;

/// A request that was not carried out, and why.
#[derive(Debug)]
pub(super) struct Refusal(Box<Problem>);

impl Refusal {
    fn of(problem: Problem) -> Refusal {
        Refusal(Box::new(problem))
    }

    /// What was sent is wrong, in one sentence.
    pub(super) fn invalid(detail: impl Into<String>) -> Refusal {
        Refusal::issues(detail, Vec::new())
    }

    /// What was sent is wrong in these places.
    pub(super) fn issues(detail: impl Into<String>, issues: Vec<Issue>) -> Refusal {
        // 400 and not 422: some clients only give up at 400, and 422 is for what policies object to.
        let mut problem = Problem::invalid(detail, errors(issues));
        problem.status = 400;
        Refusal::of(problem)
    }

    /// The body did not arrive in time.
    pub(super) fn slow(detail: impl Into<String>) -> Refusal {
        Refusal::of(Problem::new("slow", 408, "The request did not arrive in time", detail))
    }

    /// The body has more bytes than it may have.
    pub(super) fn too_large(most: usize) -> Refusal {
        Refusal::of(Problem::too_large(format!(
            "the body is larger than {most} bytes when inflated"
        )))
    }

    /// The body has more bytes than it may have all in all.
    pub(super) fn too_long(detail: impl Into<String>) -> Refusal {
        Refusal::of(Problem::too_large(detail))
    }

    /// The body is of a type that the route does not read.
    pub(super) fn unsupported(reads: &str) -> Refusal {
        let detail = format!("this route reads {reads}: say so in the header content-type");
        Refusal::of(Problem::unsupported(detail))
    }

    /// The body is coded in a way that is not understood.
    pub(super) fn coded() -> Refusal {
        Refusal::of(Problem::unsupported("the only content-encoding that is understood is gzip"))
    }

    /// Not now.
    pub(super) fn unavailable(detail: impl Into<String>) -> Refusal {
        Refusal::of(Problem::unavailable(detail).after(A_WHILE))
    }

    /// The service's own fault.
    pub(super) fn failed() -> Refusal {
        Refusal::of(Problem::internal())
    }

    /// With one member more.
    pub(super) fn with(self, member: &str, value: impl Into<Value>) -> Refusal {
        Refusal::of(self.0.with(member, value))
    }

    /// With these places.
    pub(super) fn at(mut self, issues: Vec<Issue>) -> Refusal {
        self.0.errors = errors(issues);
        self
    }

    /// The same with status 400 if it was 413, where a protocol knows no other.
    pub(super) fn plain_400(mut self) -> Refusal {
        if self.0.status == 413 {
            self.0.status = 400;
        }
        self
    }
}

fn errors(issues: Vec<Issue>) -> Vec<problem::Issue> {
    let one = |issue: Issue| problem::Issue::new(issue.path, issue.message);
    issues.into_iter().map(one).collect()
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let detail = error.to_string();
        Refusal::of(match error {
            Error::Unauthorized(_) => Problem::unauthorized(detail),
            Error::Forbidden(_) => Problem::forbidden(detail),
            Error::NotFound(_) => Problem::not_found(detail),
            Error::Conflict(_) => Problem::conflict(detail),
            Error::Invalid { issues, .. } => return Refusal::issues(detail, issues),
            Error::Admit(error) => admit(error),
            Error::TooLarge(_) => Problem::too_large(detail),
            // At least a second: nought would be taken for "at once".
            Error::TooMany { after_ms, .. } => {
                Problem::too_many(detail, after_ms.div_ceil(1000).max(1))
            }
            Error::Full(_) => Problem::storage_full(detail).after(A_WHILE),
            Error::Unavailable(_) => return Refusal::unavailable(detail),
        })
    }
}

/// What is not admitted: which check it failed, for programs.
fn admit(error: AdmitError) -> Problem {
    let detail = error.to_string();
    let reason = match &error {
        AdmitError::TooLarge { .. } => "too-large",
        AdmitError::NotAComponent(_) => "not-a-component",
        AdmitError::Invalid(_) => "invalid",
        AdmitError::Import(_) => "import",
        AdmitError::Export(_) => "export",
        AdmitError::Contract(_) => "contract",
        AdmitError::Resources(_) => "resources",
        AdmitError::Compile(_) => "compile",
        AdmitError::Fault { .. } => "fault",
        AdmitError::Answer { .. } => "answer",
        AdmitError::Settings(_) => "settings",
        AdmitError::Host(_) => "host",
    };
    let not_admitted = |issues| {
        let problem = Problem::invalid(&detail, errors(issues));
        problem.of("not-admitted", "The policy or its settings are not admitted")
    };
    let problem = match error {
        AdmitError::TooLarge { .. } => Problem::too_large(detail),
        AdmitError::Host(_) => Problem::unavailable(detail).after(A_WHILE),
        AdmitError::Import(name) => not_admitted(Vec::new()).with("import", name),
        AdmitError::Settings(issues) => not_admitted(issues),
        _ => not_admitted(Vec::new()),
    };
    problem.with("reason", reason)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(problem) = self;
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let media_type = [(header::CONTENT_TYPE, problem::MEDIA_TYPE)];
        let mut response = (status, media_type, problem.to_json()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = problem.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // Not Basic, although it is understood: browsers would ask their user for a password.
            let bearer = HeaderValue::from_static("Bearer realm=\"nudge\"");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// There is no such route.
pub(super) async fn no_route(uri: Uri) -> Refusal {
    let detail = format!("there is no route {}: see /openapi.json", uri.path());
    Refusal::of(Problem::not_found(detail))
}

/// The route knows no such method; axum adds the header Allow.
pub(super) async fn no_method(method: Method) -> Refusal {
    let detail = format!("this route knows no {method}: see the header allow, or /openapi.json");
    Refusal::of(Problem::new("method", 405, "The route knows no such method", detail))
}

/// A refusal that routes have in common, for the document.
pub(super) struct Documented {
    /// Its name there.
    pub(super) name: &'static str,
    /// When it comes.
    pub(super) when: &'static str,
    /// One such.
    pub(super) example: Problem,
}

/// Those that routes have in common.
pub(super) fn documented() -> Vec<Documented> {
    let receipts = Issue { path: "/receipts/0/shows".to_owned(), message: "unknown".to_owned() };
    let import = Error::Admit(AdmitError::Import("wasi:io/poll@0.2.0".to_owned()));
    let too_many = Error::TooMany { reason: "too many events in a second", after_ms: 400 };
    let full = Error::Full("2 MiB left".to_owned());
    let one = |name, when, example: Refusal| Documented { name, when, example: *example.0 };
    vec![
        one(
            "Invalid",
            "What was sent is wrong. `errors` says where, if it is known.",
            Refusal::issues("1 receipt is wrong", vec![receipts]),
        ),
        one(
            "Unauthorized",
            "There is no key, or not one that the service knows.",
            Error::Unauthorized("this key is not known").into(),
        ),
        one(
            "Forbidden",
            "The key does not go so far, or its tenant is suspended.",
            Error::Forbidden("this needs a key of scope manage".to_owned()).into(),
        ),
        one(
            "NotFound",
            "There is no such thing, or it is another tenant's: the two look the same.",
            Error::NotFound("release 7".to_owned()).into(),
        ),
        one(
            "Slow",
            "The body did not arrive in time.",
            Refusal::slow("nothing of the body arrived for 10 s"),
        ),
        one(
            "Conflict",
            "It cannot be done as things stand.",
            Error::Conflict("a release needs this policy".to_owned()).into(),
        ),
        one("TooLarge", "The body is larger than it may be.", Refusal::too_large(512_000)),
        one(
            "Unsupported",
            "The body has a content-type or content-encoding that the route does not read.",
            Refusal::unsupported("application/json"),
        ),
        one(
            "NotAdmitted",
            "The policy, or its settings in a strategy, are not admitted. `reason` says which check \
             failed: `not-a-component`, `invalid`, `import` (and `import` is what it imports), \
             `export`, `contract`, `resources`, `compile`, `fault`, `answer`, `settings` (and \
             `errors` says where).",
            import.into(),
        ),
        one("TooMany", "More than the tenant may send, or than can wait.", too_many.into()),
        one("Failed", "A fault of the service.", Refusal::failed()),
        one(
            "Unavailable",
            "The service cannot do it now. Nothing was taken, except where it says so.",
            Refusal::unavailable("the service is starting: it was not taken, try again later"),
        ),
        one("Full", "There is no room on the disk.", full.into()),
    ]
}
