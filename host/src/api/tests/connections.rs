//! Real connections: streams, limits, and how it all ends.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::stage::{Stage, ask};
use crate::engine::event::Millis;

struct Server {
    stage: Stage,
    at: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn server(config: &str) -> Server {
    let stage = Stage::with(config).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = stage.service.clone();
    let task = tokio::spawn(crate::api::serve(listener, service, async {
        let _ = stopped.await;
    }));
    Server { stage, at, stop: Some(stop), task }
}

impl Server {
    async fn begin(&self, text: String) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn listen(&self, token: &str, more: &str) -> TcpStream {
        let head = "GET /v1/inbox/stream HTTP/1.1\r\nhost: x\r\n";
        self.begin(format!("{head}authorization: bearer {token}\r\n{more}\r\n")).await
    }
}

/// Reads until `text` has been there, at most five seconds; says all that was.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut some = [0; 4096];
        loop {
            let seen = String::from_utf8_lossy(&all).into_owned();
            if seen.contains(text) {
                return seen;
            }
            match stream.read(&mut some).await {
                Ok(0) | Err(_) => panic!("no {text:?} in {seen:?}"),
                Ok(n) => all.extend_from_slice(&some[..n]),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut all = String::new();
    let reading = stream.read_to_string(&mut all);
    tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap().unwrap();
    all
}

#[tokio::test]
async fn a_stream_of_letters() {
    let mut server = server("").await;
    let first = server.stage.letter("ada").await.id;
    let second = server.stage.letter("ada").await.id;
    let token = server.stage.token(&server.stage.manage, "ada").await;
    let mut stream = server.listen(&token, "last-event-id: 0\r\n").await;
    let begun = until(&mut stream, &format!("id: {second}\n")).await;
    assert!(begun.contains("text/event-stream") && begun.contains("event: letter\n"), "{begun}");
    assert!(begun.contains(&format!("id: {first}\n")), "{begun}");
    assert!(begun.contains("\"body\":\"There\\nyou are\""), "{begun}");
    let third = server.stage.letter("ada").await.id;
    let more = until(&mut stream, &format!("id: {third}\n")).await;
    assert!(!more.contains(&format!("id: {second}\n")), "{more}");
    // Somebody else's is not told.
    server.stage.letter("eve").await;
    let mut again = server.listen(&token, &format!("last-event-id: {second}\r\n")).await;
    let again = until(&mut again, &format!("id: {third}\n")).await;
    assert!(!again.contains(&format!("id: {second}\n")), "{again}");
    // The same user of another tenant is somebody else.
    let other = server.stage.token(&server.stage.other_manage, "ada").await;
    let mut other = server.listen(&other, "last-event-id: 0\r\n").await;
    until(&mut other, ": here").await;
    let fourth = server.stage.letter("ada").await.id;
    let last = until(&mut stream, &format!("id: {fourth}\n")).await;
    assert_eq!(last.matches("event: letter").count(), 1, "{last}");
    // It ends at once with the service.
    let begun = Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    rest(&mut stream).await;
    let other = rest(&mut other).await;
    assert!(!other.contains("event: letter"), "{other}");
    server.task.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_connection_that_says_nothing() {
    let server = server("[http]\nheader_timeout = \"1s\"\n").await;
    let begun = Instant::now();
    let mut silent = server.begin("GET /healthz HTTP/1.1\r\nhost".to_owned()).await;
    rest(&mut silent).await;
    let mut idle = server.begin("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()).await;
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn more_connections_than_there_may_be() {
    let server = server("[http]\nconnections = 2\n").await;
    let token = server.stage.token(&server.stage.manage, "ada").await;
    let mut one = server.listen(&token, "").await;
    until(&mut one, ": here").await;
    let mut two = server.listen(&token, "").await;
    until(&mut two, ": here").await;
    let ask = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut three = server.begin(ask.to_owned()).await;
    let waiting = tokio::time::timeout(Duration::from_millis(200), three.readable()).await;
    assert!(waiting.is_err(), "the third has to wait");
    drop(one);
    assert!(rest(&mut three).await.starts_with("HTTP/1.1 200"));
}

/// A request under way is answered, and no other is taken.
#[tokio::test]
async fn the_end() {
    let mut server = server("").await;
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: bearer {}\r\ncontent-length: 30\r\n\r\n",
        server.stage.manage
    );
    let mut under_way = server.begin(head).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(server.at).await.is_err());
    under_way.write_all(b"{\"userId\":\"ada\",\"event\":\"eve\"}").await.unwrap();
    assert!(rest(&mut under_way).await.starts_with("HTTP/1.1 200"));
    server.task.await.unwrap().unwrap();
    assert_eq!(server.stage.events(), 1);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let stage = Stage::new().await;
    let token = stage.token(&stage.manage, "ada").await;
    let response = stage.raw(ask("GET", "/v1/inbox/stream").by(&token).request()).await;
    stage.clock.advance(Millis(3_600_000));
    let body = axum::body::to_bytes(response.into_body(), 1 << 20);
    let body = tokio::time::timeout(Duration::from_secs(5), body).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&body).starts_with(": here"));
    stage.send(ask("GET", "/v1/inbox/stream").by(&token)).await.is(401);
}
