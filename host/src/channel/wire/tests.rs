use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::net::Allowed;
use super::*;
use crate::channel::tests::vendor::{Reply, Vendor};
use crate::channel::tests::{limits, wire};

fn get(url: &str) -> Request<'_> {
    Request { method: "GET", url, headers: Vec::new(), body: Vec::new() }
}

fn closed() -> Wire {
    Wire::new(limits(&[])).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_network_that_is_none_is_named() {
    for wrong in [
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0/8",
        "10.0.0.0/8/8",
        "::/129",
        "fe80::1%eth0",
        "example.com",
        "10.0.0.0/99999999999",
    ] {
        let error = Wire::new(limits(&["10.0.0.0/8", wrong])).unwrap_err();
        assert!(error.contains(&format!("`{wrong}`")), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn literals_are_checked_in_every_spelling() {
    let wire = closed();
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:0:0:1]:8080/",
        "https://[64:ff9b::169.254.169.254]/latest",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://10.0.0.1:6379/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1",
    ] {
        let trouble = wire.send(get(url)).await.unwrap_err();
        assert_eq!(trouble.reason, Reason::Forbidden, "{url}");
    }
}

#[tokio::test]
async fn names_are_checked_once_they_are_resolved() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let port = vendor.url.rsplit(':').next().unwrap();
    let url = format!("http://localhost:{port}/");
    let trouble = closed().send(get(&url)).await.unwrap_err();
    assert_eq!(trouble, barred());
    assert!(vendor.got().is_empty(), "nothing was sent");
    // The same name is reached once its network is open.
    assert_eq!(wire().send(get(&url)).await.unwrap().status, 200);
}

#[test]
fn of_several_addresses_only_open_ones_are_left() {
    let at = |text: &str| SocketAddr::new(ip(text), 443);
    let open = sift(&Allowed::default(), [at("127.0.0.1"), at("8.8.8.8"), at("::1")].into_iter());
    assert_eq!(open.unwrap(), [at("8.8.8.8")]);
    assert!(sift(&Allowed::default(), [at("10.0.0.1")].into_iter()).is_err());
    assert!(sift(&Allowed::default(), std::iter::empty()).is_err());
}

#[tokio::test]
async fn resolving_follows_the_same_rules() {
    assert_eq!(closed().resolve("localhost", 25).await.unwrap_err(), barred());
    assert_eq!(closed().resolve("127.0.0.1", 25).await.unwrap_err(), barred());
    assert_eq!(closed().resolve("8.8.8.8", 25).await.unwrap(), ["8.8.8.8:25".parse().unwrap()]);
    let found = wire().resolve("localhost", 2525).await.unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 2525));
    let none = closed().resolve("nothing.invalid.", 25).await.unwrap_err();
    assert!(matches!(none.reason, Reason::Unreachable | Reason::Timeout), "{none}");
}

#[tokio::test]
async fn urls_that_are_none_are_the_tenants_fault() {
    for url in [
        "",
        "no url",
        "/relative",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "javascript:alert(1)",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://:word@example.com/",
        "http://exa mple.com/",
        "http://[::1/",
        "gopher://127.0.0.1/",
    ] {
        let trouble = wire().send(get(url)).await.unwrap_err();
        assert_eq!(trouble.reason, Reason::Settings, "{url}");
    }
    let long = format!("http://example.com/{}", "a".repeat(MOST_URL));
    assert_eq!(wire().send(get(&long)).await.unwrap_err().reason, Reason::Settings);
}

#[tokio::test]
async fn requests_arrive_as_they_were_given() {
    let vendor = Vendor::always(Reply::status(207).body("hello")).await;
    let url = format!("{}/a/b?c=d%20e", vendor.url);
    let headers = vec![("x-one", "1".to_owned()), ("X-Two", "zwei".to_owned())];
    let request = Request { method: "PUT", url: &url, headers, body: b"body".to_vec() };
    let answer = wire().send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (207, b"hello".as_slice()));
    assert_eq!((answer.retry_after, answer.location), (None, None));
    let got = vendor.only();
    assert_eq!((got.method.as_str(), got.path.as_str()), ("PUT", "/a/b"));
    assert_eq!(got.param("c"), Some("d e"));
    assert_eq!((got.header("x-one"), got.header("x-two")), (Some("1"), Some("zwei")));
    assert_eq!(got.text(), "body");
    assert_eq!(got.header("accept-encoding"), None, "nothing compressed is asked for");
}

#[tokio::test]
async fn headers_cannot_be_broken_out_of() {
    let vendor = Vendor::always(Reply::status(200)).await;
    for (name, value) in [("x-a", "1\r\nx-evil: 1"), ("x-a", "1\n"), ("x\r\nevil", "1"), ("", "1")]
    {
        let headers = vec![(name, value.to_owned())];
        let request = Request { headers, ..get(&vendor.url) };
        assert_eq!(wire().send(request).await.unwrap_err().reason, Reason::Settings);
    }
    let request = Request { method: "GET /evil", ..get(&vendor.url) };
    assert_eq!(wire().send(request).await.unwrap_err().reason, Reason::Settings);
    assert!(vendor.got().is_empty());
}

#[tokio::test]
async fn redirects_are_answers() {
    let reply = Reply::status(302).header("location", "http://169.254.169.254/latest");
    let vendor = Vendor::always(reply).await;
    let answer = wire().send(get(&vendor.url)).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.location.as_deref(), Some("http://169.254.169.254/latest"));
    assert_eq!(vendor.got().len(), 1);
}

#[tokio::test]
async fn answers_are_cut() {
    let vendor = Vendor::always(Reply::status(200).body(vec![b'a'; 300_000])).await;
    let answer = wire().send(get(&vendor.url)).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 64 * 1024));
    let exact = Vendor::always(Reply::status(200).body(vec![b'a'; 64 * 1024])).await;
    assert_eq!(wire().send(get(&exact.url)).await.unwrap().body.len(), 64 * 1024);
}

#[tokio::test]
async fn compressed_answers_stay_so() {
    let reply = Reply::status(200).header("content-encoding", "gzip").body("not gzip at all");
    let vendor = Vendor::always(reply).await;
    assert_eq!(wire().send(get(&vendor.url)).await.unwrap().body, b"not gzip at all");
}

#[tokio::test]
async fn who_does_not_answer_times_out() {
    let vendor = Vendor::always(Reply::never()).await;
    let limits = Limits { timeout: Duration::from_millis(100), ..limits(&["127.0.0.0/8"]) };
    let trouble = Wire::new(limits).unwrap().send(get(&vendor.url)).await.unwrap_err();
    assert_eq!(trouble.reason, Reason::Timeout);
}

#[tokio::test]
async fn troubles_name_neither_urls_nor_addresses() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody listens any longer.
    drop(listener);
    let url = format!("http://{address}/secret-path?token=secret-token");
    let refused = wire().send(get(&url)).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Unreachable);
    // Somebody listens, and hangs up.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path?token=secret-token", listener.local_addr().unwrap());
    let hang_up = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let broken = wire().send(get(&url)).await.unwrap_err();
    hang_up.abort();
    assert_eq!(broken.reason, Reason::Unreachable);
    // Somebody listens who knows no TLS.
    let vendor = Vendor::always(Reply::status(200)).await;
    let secure = vendor.url.replace("http:", "https:");
    let insecure = wire().send(get(&secure)).await.unwrap_err();
    assert_eq!(insecure.reason, Reason::Unreachable);
    assert!(insecure.detail.contains("no secure connection"), "{insecure}");
    for trouble in [refused, broken, insecure] {
        assert!(!trouble.detail.contains("secret"), "{trouble}");
        assert!(!trouble.detail.contains("127.0.0.1"), "{trouble}");
    }
    let target = wire().target("http://127.0.0.1/secret").unwrap();
    assert!(!format!("{target:?}").contains("secret"));
    assert!(!format!("{:?}", get("http://127.0.0.1/secret")).contains("secret"));
}

#[tokio::test]
async fn connections_are_kept() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Serves one connection only: a second one would wait for ever.
    let serve = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0_u8; 4096];
        while stream.read(&mut buffer).await.unwrap() > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let wire = wire();
    for _ in 0..20 {
        assert_eq!(wire.send(get(&url)).await.unwrap().body, b"ok");
    }
    serve.abort();
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    // 1994-11-06T08:49:37Z.
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let wait = |value: &str| super::wait(value, now);
    assert_eq!(wait("120"), Some(Duration::from_secs(120)));
    assert_eq!(wait(" 0 "), Some(Duration::ZERO));
    assert_eq!(wait("86401"), Some(LONGEST_WAIT));
    assert_eq!(wait("99999999999999999999999999"), Some(LONGEST_WAIT));
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
    assert_eq!(wait("Tue, 06 Nov 2018 08:50:37 GMT"), Some(LONGEST_WAIT));
    assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT"), None);
    for wrong in ["", "soon", "-5", "1.5", "+5", "Sun, 99 Nov 1994 08:50:37 GMT", "0x10"] {
        assert_eq!(wait(wrong), None, "{wrong}");
    }
    assert_eq!(super::wait("5", SystemTime::now()), Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn statuses_say_what_becomes_of_an_attempt() {
    let vendor = Vendor::start(|got| {
        let status = got.param("status").unwrap().parse().unwrap();
        Reply::status(status).header("retry-after", "7")
    })
    .await;
    let (wire, after) = (wire(), Some(Duration::from_secs(7)));
    for (status, reason) in [
        (401, Reason::Credentials),
        (403, Reason::Credentials),
        (408, Reason::Timeout),
        (425, Reason::Throttled),
        (429, Reason::Throttled),
        (500, Reason::Provider),
        (502, Reason::Provider),
        (503, Reason::Provider),
        (599, Reason::Provider),
    ] {
        let url = format!("{}/?status={status}", vendor.url);
        let outcome = wire.send(get(&url)).await.unwrap().outcome();
        let detail = format!("the provider answered {status}");
        let trouble = Trouble { reason, detail };
        assert_eq!(outcome, Outcome::Later { trouble, after }, "{status}");
    }
    for (status, reason) in [
        (301, Reason::Settings),
        (304, Reason::Settings),
        (400, Reason::Rejected),
        (404, Reason::Rejected),
        (410, Reason::Rejected),
        (413, Reason::TooLong),
        (422, Reason::Rejected),
    ] {
        let url = format!("{}/?status={status}", vendor.url);
        let outcome = wire.send(get(&url)).await.unwrap().outcome();
        assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == reason), "{outcome:?}");
    }
    for status in [200, 201, 202, 204, 299] {
        let url = format!("{}/?status={status}", vendor.url);
        assert_eq!(wire.send(get(&url)).await.unwrap().outcome(), Outcome::ACCEPTED);
    }
}

#[test]
fn headers_that_say_how_a_request_is_sent_are_not_the_tenants() {
    assert_eq!(header_name("X-Token").unwrap().as_str(), "x-token");
    for wrong in ["Host", "content-length", "Transfer-Encoding", "Proxy-Authorization", "a b", ""] {
        assert!(header_name(wrong).is_err(), "{wrong}");
    }
}
