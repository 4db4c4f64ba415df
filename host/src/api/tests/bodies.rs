//! Bodies: large ones, slow ones, squeezed ones, and imports of any length.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::json;

use super::stage::{Stage, ask, gzip};

const NDJSON: &str = "application/x-ndjson";

fn lines(count: usize) -> String {
    let line =
        |n| format!("{{\"user\":\"u{n}\",\"time\":\"2026-01-01T00:00:00Z\",\"event\":\"e\"}}\n");
    (0..count).map(line).collect()
}

#[tokio::test]
async fn an_import() {
    let stage = Stage::new().await;
    let import = ask("POST", "/v1/import").by(&stage.manage);
    let body = format!("{}\n\r\n{{\"no\":1}}\nx\n{}", lines(1500), lines(1).trim_end());
    let got = stage.send(import.clone().body(NDJSON, body.clone())).await.is(200).json();
    assert_eq!((&got["taken"], &got["refused"]), (&json!(1501), &json!(2)));
    assert_eq!(
        (&got["errors"][0]["line"], &got["errors"][1]["line"]),
        (&json!(1503), &json!(1504))
    );
    let squeezed = import.clone().header("content-encoding", "gzip");
    let again = stage.send(squeezed.clone().body(NDJSON, gzip(body.as_bytes()))).await.is(200);
    assert_eq!(again.json(), got);
    stage.send(import.clone().body("text/csv", "a,b")).await.is(415);
    stage.send(squeezed.clone().body(NDJSON, "no gzip at all")).await.is(400);
    let nothing = stage.send(import.clone().body(NDJSON, "")).await.is(200).json();
    assert_eq!(nothing["taken"], 0);

    let bad = stage.send(import.clone().body(NDJSON, "x\n".repeat(50))).await.is(200).json();
    assert_eq!((&bad["refused"], bad["errors"].as_array().unwrap().len()), (&json!(50), 20));
    let long = format!("{}{}\n{}", lines(1), "x".repeat(100_000), lines(1));
    let long = stage.send(import.clone().body(NDJSON, long)).await.is(200).json();
    assert_eq!((&long["taken"], &long["errors"][0]["line"]), (&json!(2), &json!(2)));
}

/// What was taken before a failure stays and is told.
#[tokio::test]
async fn an_import_that_fails_in_the_middle() {
    let stage = Stage::new().await;
    let import = ask("POST", "/v1/import").by(&stage.manage);
    stage.store.set_room(10_000);
    let got = stage.send(import.clone().body(NDJSON, lines(12_000))).await.is(507).json();
    assert_eq!((&got["taken"], &got["type"]), (&json!(10_000), &json!("/problems/storage-full")));

    let bytes = lines(100).len();
    let stage = Stage::with(&format!("[ingest]\nimport_bytes = {bytes}\n")).await;
    let import = ask("POST", "/v1/import").by(&stage.manage);
    let got = stage.send(import.clone().body(NDJSON, lines(200))).await.is(413).json();
    assert_eq!(got["taken"].as_u64().unwrap(), stage.events());

    // Half a gzip.
    let stage = Stage::new().await;
    let import = ask("POST", "/v1/import").by(&stage.manage);
    let mut half = gzip(lines(5000).as_bytes());
    half.truncate(half.len() - 9);
    let cut = import.header("content-encoding", "gzip").body(NDJSON, half);
    let got = stage.send(cut).await.is(400).json();
    assert_eq!(got["taken"].as_u64().unwrap(), stage.events());
}

/// A small body that inflates to a large one is given up early.
#[tokio::test]
async fn a_bomb() {
    let stage = Stage::new().await;
    let bomb = gzip(&vec![b'\n'; 64 << 20]);
    let call = ask("POST", "/v1/batch").by(&stage.ingest).header("content-encoding", "gzip");
    stage.send(call.body("application/json", bomb.clone())).await.is(400);
    let new = ask("POST", "/v1/receipts").by(&stage.ingest).header("content-encoding", "gzip");
    stage.send(new.body("application/json", bomb.clone())).await.is(413);
    let stage = Stage::with("[ingest]\nimport_bytes = \"1MiB\"\n").await;
    let import = ask("POST", "/v1/import").by(&stage.manage).header("content-encoding", "gzip");
    stage.send(import.body(NDJSON, bomb)).await.is(413);
}

/// A body that begins and does not go on.
struct Stuck(Option<Bytes>);

impl futures_core::Stream for Stuck {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(bytes))))
    }
}

fn stuck(stage: &Stage, path: &str, media_type: &str) -> Request<Body> {
    let begun = Stuck(Some(lines(10).into()));
    Request::post(path)
        .header("authorization", format!("Bearer {}", stage.manage))
        .header("content-type", media_type)
        .body(Body::from_stream(begun))
        .unwrap()
}

#[tokio::test]
async fn a_body_that_gets_stuck() {
    let stage = Stage::with("[http]\nheader_timeout = \"1s\"\n").await;
    let begun = std::time::Instant::now();
    let track = stage.raw(stuck(&stage, "/v1/track", "application/json"));
    let import = stage.raw(stuck(&stage, "/v1/import", NDJSON));
    let policy = stage.raw(stuck(&stage, "/v1/policies", "application/wasm"));
    let (track, import, policy) = tokio::join!(track, import, policy);
    for got in [track, import, policy] {
        assert_eq!(got.status().as_u16(), 408);
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    // What had arrived of the import is taken: it may be all that there was.
    assert_eq!(stage.events(), 10);
}

/// A body that goes on and on, a little at a time.
struct Dripping(Pin<Box<tokio::time::Sleep>>);

impl futures_core::Stream for Dripping {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        std::task::ready!(self.0.as_mut().poll(cx));
        self.0.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(100));
        Poll::Ready(Some(Ok(Bytes::from_static(b" "))))
    }
}

/// A whole request has its limit, too.
#[tokio::test]
async fn a_request_that_takes_too_long() {
    let limits = "[ingest]\nack_timeout = \"1s\"\n[http]\nrequest_timeout = \"1s\"\nheader_timeout = \"1s\"\n";
    let stage = Stage::with(limits).await;
    let dripping = Dripping(Box::pin(tokio::time::sleep(Duration::ZERO)));
    let request = Request::post("/v1/track")
        .header("authorization", format!("Bearer {}", stage.ingest))
        .header("content-type", "application/json")
        .body(Body::from_stream(dripping))
        .unwrap();
    assert_eq!(stage.raw(request).await.status().as_u16(), 503);
}
