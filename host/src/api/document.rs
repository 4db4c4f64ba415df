//! The OpenAPI document: what no single route says. The routes describe themselves; this adds who may ask,
//! and the refusals that follow from that or from a body. Touches nothing.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    ArrayItems, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, RefOr,
    Required, Schema, SecurityRequirement, Tag,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::auth::TENANT;
use super::problem::MEDIA_TYPE;
use super::refusal::{self, Documented};

const INTRODUCTION: &str = include_str!("document.md");

const TAGS: [(&str, &str); 10] = [
    ("Events", "What users do: in Segment's format, as CloudEvents, or as history in bulk."),
    ("Policies", "The rules: WebAssembly components that a tenant uploads."),
    ("Releases", "The versions of a tenant's strategy, which puts policies to work."),
    ("Messages and users", "What was sent, what became of it, and what is known of users."),
    (
        "Channels",
        "The ways to reach users that a tenant has set up, and addresses that are left alone.",
    ),
    ("Campaigns", "Groups of users, campaigns for them, and what messages cost."),
    ("Mailboxes", "Texts and files that messages are composed with, sent in by mail or uploaded."),
    ("Inbox", "What the app of a user asks for, with the user's own token."),
    ("Tenants and keys", "Who may use the service. Tenants know nothing of each other."),
    ("Service", "How the service is."),
];

/// Refusals as types, so that a route can name those that it may answer with.
macro_rules! refusals {
    ($($name:ident)*) => {$(
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                refusal_named(stringify!($name)).into_iter().collect()
            }
        }
    )*};
}

refusals!(NotFound Conflict NotAdmitted TooMany Unavailable Full);

fn refusal_named(name: &str) -> Option<(String, RefOr<Response>)> {
    let known = refusal::documented().into_iter().find(|known| known.name == name)?;
    Some((known.example.status.to_string(), Ref::from_response_name(name).into()))
}

/// Why something was not done (RFC 9457). Some kinds have members besides these.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it says how `problem::Problem` is written")]
struct Problem {
    /// Which kind: `/problems/` and a word. Programs go by it.
    r#type: String,
    /// The kind in a few words, always the same.
    title: String,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong this time, and what to do.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is wrong, one by one.
    #[schema(nullable = false)]
    errors: Option<Vec<ProblemPlace>>,
    /// When it is worth trying again, in seconds; the header `Retry-After` too.
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    /// Which check failed, if a policy or its settings are not admitted.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What a component imports and may not.
    #[schema(nullable = false)]
    import: Option<String>,
}

/// One thing that is wrong in what was sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it says how `problem::Issue` is written")]
struct ProblemPlace {
    /// Where: a JSON pointer into the body, empty for the whole, or the name of a header.
    pointer: String,
    /// What.
    message: String,
}

/// Bytes.
pub(super) struct Octets;

impl ToSchema for Octets {}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

/// The document before the routes are in it.
pub(super) fn begun() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let info = InfoBuilder::new()
        .title("Nudge")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(license));
    let tags = TAGS.map(|(name, description)| -> Tag {
        TagBuilder::new().name(name).description(Some(description)).build()
    });
    let mut components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .security_scheme("key", http(HttpAuthScheme::Bearer, "A key."))
        .security_scheme(
            "basic",
            http(HttpAuthScheme::Basic, "A key as the user name; the password is empty."),
        )
        .security_scheme(
            "userToken",
            http(HttpAuthScheme::Bearer, "A user's token, for the inbox alone."),
        )
        .security_scheme("userTokenInQuery", in_query("The same, for EventSource."));
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    components = components.schemas_from_iter(schemas);
    for known in refusal::documented() {
        components = components.response(known.name, response(&known));
    }
    OpenApiBuilder::new()
        .info(info.build())
        .tags(Some(tags))
        .components(Some(components.build()))
        .security(Some([requirement("key"), requirement("basic")]))
        .build()
}

fn http(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let mut http = Http::new(scheme);
    http.description = Some(description.to_owned());
    SecurityScheme::Http(http)
}

fn in_query(description: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description("token", description)))
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}

fn response(known: &Documented) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .example(serde_json::to_value(&known.example).ok())
        .build();
    let mut response = ResponseBuilder::new().description(known.when).content(MEDIA_TYPE, content);
    if known.example.retry_after.is_some() {
        let mut header = Header::new(ObjectBuilder::new().schema_type(Type::Integer).build());
        header.description = Some("When it is worth trying again, in seconds.".to_owned());
        response = response.header("retry-after", header);
    }
    response.build()
}

/// The document with what follows from what the routes say of themselves.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let reads = item.get.is_some();
        for (at, operation) in operations(item).enumerate() {
            // What changes something may find no room for it.
            complete_one(path, operation, !(reads && at == 0));
        }
    }
    if let Some(components) = &mut document.components {
        name_items(&mut components.schemas);
    }
    document
}

/// Pages say what they hold by its name, so that clients that are made from the document know that it is
/// the same thing.
fn name_items(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    for (name, schema) in schemas {
        let Some(item) = name.strip_prefix("Page_") else { continue };
        let RefOr::T(Schema::Object(page)) = schema else { continue };
        if let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items") {
            let named: RefOr<Schema> = Ref::from_schema_name(item).into();
            items.items = ArrayItems::RefOrSchema(Box::new(named));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().filter_map(Option::as_mut)
}

/// The operations on what belongs to tenants that know no query parameters.
pub(super) fn without_query(document: &OpenApi) -> BTreeSet<String> {
    let is_of_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => true,
    };
    let mut operations = BTreeSet::new();
    for (path, item) in &document.paths.paths {
        let PathItem { get, put, post, delete, patch, .. } = item;
        let all =
            [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch)];
        for (method, operation) in all {
            let Some(operation) = operation else { continue };
            let queried = operation.parameters.iter().flatten().any(is_of_query);
            if path.starts_with("/v1/") && !queried {
                operations.insert(format!("{method} {path}"));
            }
        }
    }
    operations
}

fn complete_one(path: &str, operation: &mut Operation, changes: bool) {
    let own = operation.security.as_deref();
    let open = own.is_some_and(|own| own.iter().all(|one| *one == SecurityRequirement::default()));
    // Those that do not say otherwise, and Segment's calls, whose key may be in the body.
    let by_key = own.is_none_or(|own| own.contains(&requirement("key")));
    let of_a_tenant = by_key && path.starts_with("/v1/") && !path.starts_with("/v1/tenants");
    if of_a_tenant {
        operation.parameters.get_or_insert_default().push(RefOr::T(tenant()));
    }
    let may_be_null = operation.parameters.iter_mut().flatten();
    may_be_null.for_each(without_null);
    let mut may = vec!["Failed"];
    if !open {
        may.extend(["Unauthorized", "Forbidden", "Unavailable"]);
        if changes {
            may.push("Full");
        }
    }
    if of_a_tenant {
        // The header may name a tenant that does not exist.
        may.push("NotFound");
    }
    let body = operation.request_body.is_some();
    if body {
        may.extend(["Slow", "Unsupported"]);
    }
    // Those whose key may be in the body, which are Segment's, know no 413.
    if body && !own.is_some_and(|own| own.contains(&SecurityRequirement::default())) {
        may.push("TooLarge");
    }
    if !open && path.starts_with("/v1/") {
        may.push("Invalid");
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in may.into_iter().filter_map(refusal_named) {
        responses.entry(status).or_insert(response);
    }
}

/// Headers and queries know no null: what is optional is left out.
fn without_null(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(object))), .. }) = parameter
    else {
        return;
    };
    if let SchemaType::Array(types) = &mut object.schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
}

fn tenant() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(63));
    ParameterBuilder::new()
        .name(TENANT)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The tenant, which an admin key has to name. A tenant's own key need not; if it names \
             another tenant, it is answered 404.",
        ))
        .schema(Some(schema))
        .build()
}
