//! What the HTTP interface says when it does not do as it is asked: RFC 9457, `application/problem+json`.
//! Plain data; turning it into a response is the interface's business.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Members that a problem has anyway.
const RESERVED: [&str; 7] =
    ["type", "title", "status", "detail", "instance", "errors", "retry_after"];

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// Which kind: a word, seen from outside as `/problems/<word>`. Programs go by it.
    #[serde(rename = "type", serialize_with = "reference")]
    pub type_: &'static str,
    /// The kind in a few words, always the same.
    pub title: &'static str,
    /// The status of the response.
    pub status: u16,
    /// What is wrong this time, and what to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Which request it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What is wrong, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Issue>,
    /// When it is worth trying again, in seconds; the header `Retry-After` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Whatever else this kind has to say.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// One thing that is wrong in what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Where: a JSON pointer, empty for the whole.
    pub pointer: String,
    /// What.
    pub message: String,
}

impl Issue {
    /// Something wrong at a place.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Issue {
        Issue { pointer: pointer.into(), message: message.into() }
    }
}

fn reference<S: Serializer>(word: &str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("/problems/{word}"))
}

impl Problem {
    /// A problem of a kind that has no constructor below.
    pub fn new(
        type_: &'static str,
        status: u16,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            type_,
            title,
            status,
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
            retry_after: None,
            extra: Map::new(),
        }
    }

    /// 400: it cannot even be read.
    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new("malformed", 400, "The request cannot be read", detail)
    }

    /// 401: there is no key, or none that is known. The response needs `WWW-Authenticate` as well.
    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new("unauthorized", 401, "A key is needed", detail)
    }

    /// 403: the key does not go so far.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new("forbidden", 403, "The key does not allow this", detail)
    }

    /// 404: there is no such thing, or it is somebody else's.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new("not-found", 404, "There is no such thing", detail)
    }

    /// 409: not as things stand.
    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new("conflict", 409, "It cannot be done as things stand", detail)
    }

    /// 413: more than may be sent at once.
    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new("too-large", 413, "The request is too large", detail)
    }

    /// 415: a form that is not understood.
    pub fn unsupported(detail: impl Into<String>) -> Problem {
        Problem::new("unsupported", 415, "The content's type is not supported", detail)
    }

    /// 422: it can be read, and is wrong.
    pub fn invalid(detail: impl Into<String>, errors: Vec<Issue>) -> Problem {
        let problem = Problem::new("invalid", 422, "The request is not valid", detail);
        Problem { errors, ..problem }
    }

    /// 429: too much at once; again in so many seconds.
    pub fn too_many(detail: impl Into<String>, retry_after: u64) -> Problem {
        Problem::new("too-many", 429, "Too much at once", detail).after(retry_after)
    }

    /// 500: the service's own fault. What exactly is for its log.
    #[must_use]
    pub fn internal() -> Problem {
        let detail = "the service has failed; its log says how";
        Problem::new("internal", 500, "The service has failed", detail)
    }

    /// 503: not now.
    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new("unavailable", 503, "The service cannot do it now", detail)
    }

    /// 507: there is no room to keep it.
    pub fn storage_full(detail: impl Into<String>) -> Problem {
        Problem::new("storage-full", 507, "The storage is full", detail)
    }

    /// The same, of a kind of its own: `Problem::invalid(..).of("import", ..)`.
    #[must_use]
    pub fn of(self, type_: &'static str, title: &'static str) -> Problem {
        Problem { type_, title, ..self }
    }

    /// The same, worth trying again in so many seconds.
    #[must_use]
    pub fn after(self, seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    /// The same, for a request of that name.
    #[must_use]
    pub fn at(self, instance: impl Into<String>) -> Problem {
        Problem { instance: Some(instance.into()), ..self }
    }

    /// The same, with one more member. One that a problem has anyway stays as it is: it must not be in
    /// the document twice.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        if !RESERVED.contains(&member) {
            self.extra.insert(member.to_owned(), value.into());
        }
        self
    }

    /// The document. Texts, numbers and JSON are always JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(problem: &Problem) -> Value {
        serde_json::from_str(&problem.to_json()).unwrap()
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        assert_eq!(
            written(&Problem::not_found("there is no tenant \"acme\"")),
            json!({
                "type": "/problems/not-found",
                "title": "There is no such thing",
                "status": 404,
                "detail": "there is no tenant \"acme\"",
            })
        );
    }

    #[test]
    fn everything_that_can_be_said() {
        let errors = vec![Issue::new("/batch/3/type", "no text"), Issue::new("", "too short")];
        let problem = Problem::invalid("2 items are wrong", errors)
            .of("import", "The import was not taken as a whole")
            .at("/v1/import/7")
            .after(30)
            .with("import", json!({ "taken": 5, "refused": 2 }));
        assert_eq!(
            written(&problem),
            json!({
                "type": "/problems/import",
                "title": "The import was not taken as a whole",
                "status": 422,
                "detail": "2 items are wrong",
                "instance": "/v1/import/7",
                "errors": [
                    { "pointer": "/batch/3/type", "message": "no text" },
                    { "pointer": "", "message": "too short" },
                ],
                "retry_after": 30,
                "import": { "taken": 5, "refused": 2 },
            })
        );
    }

    #[test]
    fn the_order_is_for_people() {
        let text = Problem::too_many("slower", 2).with("a", 1).to_json();
        let at = |member: &str| text.find(&format!("\"{member}\":")).unwrap();
        assert!(at("type") < at("title") && at("title") < at("status"), "{text}");
        assert!(at("retry_after") < at("a"), "{text}");
    }

    #[test]
    fn no_member_is_there_twice() {
        let mut problem = Problem::too_many("slower", 2);
        for member in RESERVED {
            problem = problem.with(member, "another");
        }
        assert_eq!(problem, Problem::too_many("slower", 2));
        let full = Problem::invalid("no", vec![Issue::new("", "no")]).at("/x").after(1);
        let members = written(&full);
        let mut names: Vec<&String> = members.as_object().unwrap().keys().collect();
        names.sort();
        let mut reserved = RESERVED;
        reserved.sort_unstable();
        assert_eq!(names, reserved, "every member is reserved");
    }

    #[test]
    fn the_common_kinds() {
        let all = [
            (Problem::malformed("x"), 400),
            (Problem::unauthorized("x"), 401),
            (Problem::forbidden("x"), 403),
            (Problem::not_found("x"), 404),
            (Problem::conflict("x"), 409),
            (Problem::too_large("x"), 413),
            (Problem::unsupported("x"), 415),
            (Problem::invalid("x", Vec::new()), 422),
            (Problem::too_many("x", 1), 429),
            (Problem::internal(), 500),
            (Problem::unavailable("x"), 503),
            (Problem::storage_full("x"), 507),
        ];
        let mut kinds = std::collections::BTreeSet::new();
        for (problem, status) in &all {
            assert_eq!(problem.status, *status);
            assert_eq!(written(problem)["status"], json!(status));
            let slug = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(problem.type_.chars().all(slug), "{}", problem.type_);
            assert!(kinds.insert(problem.type_), "{} is there twice", problem.type_);
        }
        assert_eq!(Problem::too_many("x", 7).retry_after, Some(7));
        assert_eq!(Problem::unavailable("x").retry_after, None);
    }
}
