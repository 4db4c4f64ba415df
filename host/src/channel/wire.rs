//! Outgoing requests: to addresses that tenants name, and so never to the operator's own network unless the
//! operator allows it. Checked after resolution; redirects are not followed; time and size are bounded.

mod net;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) use reqwest::Method;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
pub(crate) use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use self::net::Allowed;
use super::{Outcome, Reason, Trouble};

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Networks inside the operator's own that may be reached all the same, in CIDR notation.
    pub allow: Vec<String>,
    /// How long a request may take, connection included.
    pub timeout: Duration,
    /// Bytes of an answer that are read.
    pub answer_bytes: usize,
}

/// Sends requests. Cheap to clone: clones share their connections.
#[derive(Clone, Debug)]
pub struct Wire {
    client: reqwest::Client,
    allowed: Arc<Allowed>,
    timeout: Duration,
    answer_bytes: usize,
}

/// A request to be sent.
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The URL, `http` or `https`.
    pub url: &'a str,
    /// Headers.
    pub headers: Vec<(&'a str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// All but the method may hold secrets.
impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long the other side wants to be left alone: `Retry-After`, in seconds or as a date.
    pub retry_after: Option<Duration>,
    /// The header `location`.
    pub location: Option<String>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
}

/// A URL that was read and checked once, for channels that send to the same one again and again.
#[derive(Clone)]
pub(crate) struct Target(Url);

/// URLs may hold secrets.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Target(..)")
    }
}

/// How long a connection may take at most.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nothing goes through.
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections that are kept for one host.
const MOST_IDLE: usize = 256;
/// The longest that anybody is left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Characters of a URL.
const MOST_URL: usize = 8 * 1024;
/// Characters of a `location`.
const MOST_LOCATION: usize = 2 * 1024;

impl Wire {
    /// A wire with these limits.
    ///
    /// # Errors
    ///
    /// If a network is none, or the system has no TLS to offer.
    pub fn new(limits: Limits) -> Result<Wire, String> {
        let allowed = Arc::new(Allowed::parse(&limits.allow)?);
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Guard(Arc::clone(&allowed))))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .referer(false)
            .user_agent("nudge")
            .tcp_nodelay(true)
            .connect_timeout(limits.timeout.min(CONNECT))
            .timeout(limits.timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build()
            .map_err(|error| error.to_string())?;
        let Limits { timeout, answer_bytes, .. } = limits;
        Ok(Wire { client, allowed, timeout, answer_bytes })
    }

    /// Sends a request and reads the answer. An answer of any status is one.
    ///
    /// # Errors
    ///
    /// If there is none: timeout, unreachable, forbidden, or the URL is none.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Trouble> {
        let target = self.target(request.url)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Trouble::new(Reason::Settings, "the method is none"))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in request.headers {
            let wrong = |_| Trouble::new(Reason::Settings, "a header has a name that is none");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
            headers.append(name, header_value(value)?);
        }
        self.exchange(method, &target, headers, request.body).await
    }

    /// Posts to a URL that was checked before.
    ///
    /// # Errors
    ///
    /// If there is no answer: timeout, unreachable, forbidden.
    pub(crate) async fn post(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        self.exchange(Method::POST, target, headers, body).await
    }

    /// Reads and checks a URL, except for what its name will resolve to.
    ///
    /// # Errors
    ///
    /// If it is none, is not `http` or `https`, holds a user or a password, or is an address that may not be
    /// reached.
    pub(crate) fn target(&self, url: &str) -> Result<Target, Trouble> {
        let wrong = |detail: &str| Trouble::new(Reason::Settings, detail);
        if url.len() > MOST_URL {
            return Err(wrong("the URL is too long"));
        }
        let url = Url::parse(url).map_err(|_| wrong("the URL is none"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("the URL is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the URL holds a user or a password: use a header"));
        }
        let host = url.host_str().ok_or_else(|| wrong("the URL has no host"))?;
        // The parser has brought every way to write an address into one form. A literal never reaches the
        // resolver, so it is checked here.
        let literal =
            host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) if !self.allowed.permits(address) => Err(barred()),
            _ => Ok(Target(url)),
        }
    }

    /// The addresses of a host that may be connected to.
    ///
    /// # Errors
    ///
    /// If there are none, or only such as may not.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
        let finding = tokio::net::lookup_host((host, port));
        let found = tokio::time::timeout(self.timeout.min(CONNECT), finding)
            .await
            .map_err(|_| Trouble::new(Reason::Timeout, "no answer in time"))?
            .map_err(|_| Trouble::new(Reason::Unreachable, "the host has no address"))?;
        sift(&self.allowed, found).map_err(|_| barred())
    }

    pub(crate) async fn exchange(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        let request = self.client.request(method, target.0.clone()).headers(headers).body(body);
        let mut answer = request.send().await.map_err(|error| trouble(&error))?;
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after =
            header(reqwest::header::RETRY_AFTER).and_then(|v| wait(v, SystemTime::now()));
        let location = header(reqwest::header::LOCATION)
            .map(|location| location.chars().take(MOST_LOCATION).collect());
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        // Read to the end where that is near, so that the connection serves again. What breaks off in the
        // middle is kept: the status says more than its absence.
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = self.answer_bytes.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                break;
            }
        }
        Ok(Answer { status, retry_after, location, body })
    }
}

impl Answer {
    /// What the status alone says about an attempt. Channels to which some status says more look at it
    /// first: 404 and 410, for instance, of which nothing is known here.
    pub(crate) fn outcome(&self) -> Outcome {
        let later = |reason| Outcome::Later {
            trouble: Trouble::new(reason, format!("the provider answered {}", self.status)),
            after: self.retry_after,
        };
        match self.status {
            200..=299 => Outcome::ACCEPTED,
            300..=399 => Outcome::failed(Reason::Settings, "redirects are not followed"),
            // Kept and tried again: the tenant may mend the settings.
            401 | 403 => later(Reason::Credentials),
            408 => later(Reason::Timeout),
            413 => Outcome::failed(Reason::TooLong, "the provider answered 413"),
            425 | 429 => later(Reason::Throttled),
            400..=499 => {
                Outcome::failed(Reason::Rejected, format!("the provider answered {}", self.status))
            }
            _ => later(Reason::Provider),
        }
    }
}

/// Reads a header that a tenant sets.
///
/// # Errors
///
/// What is wrong with its name: it is none, or says how the request itself is sent.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    const OWN: [&str; 9] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "expect",
    ];
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is no name of a header")?;
    if OWN.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
        return Err("is a header that cannot be set");
    }
    Ok(name)
}

/// The value of a header.
///
/// # Errors
///
/// If it holds what no header can: line breaks or other control characters.
pub(crate) fn header_value(value: String) -> Result<HeaderValue, Trouble> {
    HeaderValue::try_from(value)
        .map_err(|_| Trouble::new(Reason::Settings, "a header has a value that cannot be sent"))
}

/// Resolves names, and gives only addresses that may be connected to: what is checked is what is connected to.
struct Guard(Arc<Allowed>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found = sift(&allowed, found)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Nothing of what a name resolves to may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("inside the operator's own network")]
struct Barred;

/// Those of the addresses that may be connected to.
fn sift(
    allowed: &Allowed,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Barred> {
    let open: Vec<_> = found.filter(|address| allowed.permits(address.ip())).collect();
    if open.is_empty() { Err(Barred) } else { Ok(open) }
}

fn barred() -> Trouble {
    Trouble::new(Reason::Forbidden, "the address is inside the operator's own network")
}

/// What went wrong, without the words of the libraries: these hold URLs and addresses.
fn trouble(error: &reqwest::Error) -> Trouble {
    let mut cause = error.source();
    let mut insecure = false;
    while let Some(inner) = cause {
        if inner.is::<Barred>() {
            return barred();
        }
        insecure |= inner.downcast_ref().is_some_and(tells_of_tls);
        cause = inner.source();
    }
    let (reason, detail) = if error.is_timeout() {
        (Reason::Timeout, "no answer in time")
    } else if error.is_connect() && insecure {
        (Reason::Unreachable, "no secure connection: the certificate or the protocol does not do")
    } else if error.is_connect() {
        (Reason::Unreachable, "no connection")
    } else if error.is_builder() {
        (Reason::Settings, "the request cannot be sent as it is")
    } else {
        (Reason::Unreachable, "the connection broke off")
    };
    Trouble::new(reason, detail)
}

/// True if TLS does not trust the other side, or does not understand it. It says so inside another error, which
/// does not name it as its source.
fn tells_of_tls(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::InvalidData
        || error.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(tells_of_tls)
}

/// Reads `Retry-After`: seconds, or a date of which only the future counts.
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a long time too.
        value.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        SystemTime::from(date).duration_since(now).ok()?
    };
    Some(wait.min(LONGEST_WAIT))
}
