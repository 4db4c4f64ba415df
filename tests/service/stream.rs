//! A stream of letters, as EventSource reads it.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::http::{Ask, PATIENCE};

pub struct Stream {
    response: Response,
    text: String,
}

/// One event of a stream.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub id: String,
    pub event: String,
    pub data: Value,
}

impl Stream {
    pub async fn open(ask: Ask) -> Stream {
        Stream::of(ask.open().await)
    }

    pub fn of(response: Response) -> Stream {
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { response, text: String::new() }
    }

    /// The next event; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let told = told(block);
                self.text = rest.to_owned();
                if told.is_some() {
                    return told;
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("an event").ok().flatten()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Reads until the end, which has to come.
    pub async fn end(mut self) {
        let end = tokio::time::timeout(PATIENCE + Duration::from_secs(1), self.next());
        assert_eq!(end.await.expect("an end"), None);
    }
}

fn told(block: &str) -> Option<Told> {
    let member = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let data = serde_json::from_str(&member("data")?).unwrap();
    Some(Told { id: member("id")?, event: member("event")?, data })
}
