//! A real server of NATS, at `NUDGE_NATS`; without it, these are left out, and say so.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::{Config as StreamConfig, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};

use super::stage::{Stage, once};
use crate::service::words::TenantChange;

/// A stream of a test's own.
struct Queue {
    context: Context,
    stream: Stream,
    name: String,
}

impl Queue {
    async fn new(retention: RetentionPolicy) -> Option<Queue> {
        let Some(server) = std::env::var("NUDGE_NATS").ok().filter(|at| !at.is_empty()) else {
            eprintln!("SKIPPED: NUDGE_NATS names no NATS server");
            return None;
        };
        let context = jetstream::new(async_nats::connect(server).await.unwrap());
        let name = format!("test{:016x}", fastrand::u64(..));
        let stream = Queue::make(&context, &name, retention).await;
        Some(Queue { context, stream, name })
    }

    async fn make(context: &Context, name: &str, retention: RetentionPolicy) -> Stream {
        let config = StreamConfig {
            name: name.to_owned(),
            subjects: vec![format!("{name}.*")],
            retention,
            ..StreamConfig::default()
        };
        context.create_stream(config).await.unwrap()
    }

    fn config(&self) -> String {
        let server = std::env::var("NUDGE_NATS").unwrap();
        let name = &self.name;
        format!(
            "nats_url = \"nats://{server}\"\nnats_stream = \"{name}\"\nnats_subject = \"{name}.{{tenant}}\"\n"
        )
    }

    async fn send(&self, tenant: &str, payload: impl Into<String>) {
        let subject = format!("{}.{tenant}", self.name);
        self.context.publish(subject, payload.into().into()).await.unwrap().await.unwrap();
    }

    /// Messages that were delivered and not acknowledged, and those that were not delivered.
    async fn left(&self) -> (usize, u64) {
        let consumer: PullConsumer = self.stream.get_consumer("nudge").await.unwrap();
        let info = consumer.get_info().await.unwrap();
        (info.num_ack_pending, info.num_pending)
    }

    async fn settled(&self) {
        for _ in 0..600 {
            if self.left().await == (0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not all is acknowledged: {:?}", self.left().await);
    }

    async fn remove(self) {
        self.context.delete_stream(&self.name).await.unwrap();
    }
}

fn row(mark: &str) -> String {
    format!("{{\"user\":\"ada\",\"event\":\"go\",\"mark\":\"{mark}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_messages_are_taken_once_and_acknowledged() {
    let Some(queue) = Queue::new(RetentionPolicy::WorkQueue).await else { return };
    queue.send("shop", row("before")).await;
    let mut stage = Stage::new(&queue.config()).await;
    queue.send("shop", format!("{}\n{}\n", row("one"), row("two"))).await;
    let call = "{\"type\":\"track\",\"userId\":\"ada\",\"messageId\":\"m1\",\"event\":\"go\",\
        \"properties\":{\"mark\":\"call\"}}";
    queue.send("shop", call).await;
    queue.send("shop", call).await;
    let all = once(["before", "one", "two", "call"]);
    stage.until("all are there", || stage.marks() == all).await;
    queue.settled().await;
    stage.stop().await;
    let stream = queue.context.get_stream(&queue.name).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 0, "the queue is empty");
    queue.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_messages_that_make_no_sense_are_ended_and_hold_up_nobody() {
    let Some(queue) = Queue::new(RetentionPolicy::Limits).await else { return };
    let stage = Stage::new(&queue.config()).await;
    for payload in ["nonsense", "", "[1]", "{}", "{\"user\":\"ada\"}", "\u{0}"] {
        queue.send("shop", payload).await;
    }
    queue.send("nobody", row("nobody's")).await;
    queue.send("shop", format!("nonsense\n{}\n{{}}\n", row("between"))).await;
    queue.send("shop", row("after")).await;
    let all = once(["between", "after"]);
    stage.until("the others are there", || stage.marks() == all).await;
    queue.settled().await;
    let metrics = stage.service.metrics();
    for line in [
        "nudge_feed_records_total{source=\"queue\",outcome=\"taken\"} 2",
        "nudge_feed_records_total{source=\"queue\",outcome=\"refused\"} 9",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    queue.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_what_is_delivered_again_is_heard_once() {
    let Some(queue) = Queue::new(RetentionPolicy::Limits).await else { return };
    let all = once(0..300);
    for mark in all.keys() {
        queue.send("shop", row(mark)).await;
    }
    let mut stage = Stage::new(&queue.config()).await;
    stage.until("all are there", || stage.marks() == all).await;
    queue.settled().await;
    stage.stop().await;
    // The server has forgotten what was acknowledged: all comes again, to the same data.
    queue.stream.delete_consumer("nudge").await.unwrap();
    let mut stage = stage.again();
    queue_is_read(&queue).await;
    assert_eq!(stage.marks(), all);
    // A stream that is made anew has other messages, at the same places.
    stage.stop().await;
    queue.context.delete_stream(&queue.name).await.unwrap();
    Queue::make(&queue.context, &queue.name, RetentionPolicy::Limits).await;
    queue.send("shop", row("anew")).await;
    let mut stage = stage.again();
    stage.until("it is heard", || stage.marks().contains_key("anew")).await;
    stage.stop().await;
    queue.remove().await;
}

async fn queue_is_read(queue: &Queue) {
    for _ in 0..600 {
        if queue.stream.get_consumer::<jetstream::consumer::pull::Config>("nudge").await.is_ok() {
            return queue.settled().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there is no consumer");
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_suspended_tenants_messages_are_kept_and_the_others_taken() {
    let Some(queue) = Queue::new(RetentionPolicy::Limits).await else { return };
    let stage = Stage::new(&queue.config()).await;
    let new = crate::service::words::NewTenant { name: "other".to_owned() };
    stage.service.create_tenant(new).await.unwrap();
    let change = TenantChange { suspended: Some(true), daily_quota: None };
    stage.service.change_tenant("other", change).await.unwrap();
    queue.send("other", row("theirs")).await;
    queue.send("shop", row("ours")).await;
    stage.until("ours is there", || stage.marks() == once(["ours"])).await;
    for _ in 0..100 {
        if queue.left().await == (1, 0) {
            return queue.remove().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("theirs is not waiting: {:?}", queue.left().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_without_a_server_or_a_stream_the_service_runs_and_looks_for_it() {
    // Nobody is at port 1.
    let mut stage = Stage::new("nats_url = \"nats://127.0.0.1:1\"\n").await;
    stage.put("a.csv", super::stage::csv(["a"]));
    stage.there("done/a.csv").await;
    stage.stop().await;
    let Some(queue) = Queue::new(RetentionPolicy::Limits).await else { return };
    queue.context.delete_stream(&queue.name).await.unwrap();
    let mut stage = Stage::new(&queue.config()).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    Queue::make(&queue.context, &queue.name, RetentionPolicy::Limits).await;
    queue.send("shop", row("late")).await;
    stage.until("it is found", || stage.marks() == once(["late"])).await;
    stage.stop().await;
    queue.remove().await;
}
