//! A receiver that others wrote: `tests/sdk/web_push.mjs`, with the library `http_ece` for Node, in the
//! folder that `NUDGE_SDKS` names.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;

/// Where the script is: in this crate's tests or, in a workspace, in the tests beside it.
fn script() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [here.join("tests/sdk/web_push.mjs"), here.join("../tests/sdk/web_push.mjs")];
    places.into_iter().find(|place| place.exists()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_receiver_reads_it() {
    let Some(installed) = std::env::var_os("NUDGE_SDKS").map(PathBuf::from) else {
        eprintln!("SKIPPED: NUDGE_SDKS names no folder with http_ece");
        return;
    };
    // Node looks for the library beside the script.
    let copy = installed.join("web_push.mjs");
    std::fs::copy(script(), &copy).unwrap();
    let mut node = Command::new("node").arg(copy).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let subscription = lines.next().unwrap().unwrap();

    let settings = settings();
    let mut dispatch = dispatch(&subscription);
    dispatch.outgoing.content.title = "您的订单 😀".into();
    dispatch.outgoing.content.body = "x".repeat(3000);
    let outcome = built(&settings).send(&dispatch).await;
    let said: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    node.wait().unwrap();
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?} {said}");
    assert_eq!(said["payload"]["title"], "您的订单 😀");
    assert_eq!(said["payload"]["body"], dispatch.outgoing.content.body);
    assert_eq!(said["payload"]["link"], "https://shop.example/orders/7");
    assert_eq!(said["claims"]["sub"], "mailto:push@nudge.example");
    assert_eq!(said["claims"]["exp"], dispatch.at.0 / 1000 + 12 * 3600);
    assert_eq!(said["key"], settings["public_key"]);
    assert_eq!(said["headers"]["ttl"], "86400");
    assert_eq!(said["headers"]["content-encoding"], "aes128gcm");
}
