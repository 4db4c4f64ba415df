use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::advance;

use super::*;

/// Gives a new token each time, and counts.
#[derive(Default)]
struct Source {
    fetches: AtomicUsize,
}

impl Source {
    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    async fn fetch(&self) -> Result<Fresh, Outcome> {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Fresh { token: format!("t{number}"), lasts: Duration::from_secs(7200) })
    }

    async fn fail(&self) -> Result<Fresh, Outcome> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Err(Outcome::later(Reason::Provider, "busy"))
    }
}

async fn token(tokens: &Tokens, source: &Source) -> String {
    tokens.get(|| source.fetch()).await.unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_and_renewed_in_time() {
    let (tokens, source) = (Tokens::default(), Source::default());
    assert_eq!(token(&tokens, &source).await, "t1");
    advance(Duration::from_secs(7200 - 301)).await;
    assert_eq!(token(&tokens, &source).await, "t1");
    advance(Duration::from_secs(2)).await;
    assert_eq!(token(&tokens, &source).await, "t2");
    advance(Duration::from_secs(8000)).await;
    assert_eq!(token(&tokens, &source).await, "t3");
    assert_eq!(source.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_once_cause_one_fetch() {
    let tokens = Arc::new(Tokens::default());
    let source = Arc::new(Source::default());
    let go = Arc::new(Notify::new());
    let mut asking = Vec::new();
    for _ in 0..100 {
        let (tokens, source, go) = (Arc::clone(&tokens), Arc::clone(&source), Arc::clone(&go));
        asking.push(tokio::spawn(async move {
            let fetch = || async {
                go.notified().await;
                source.fetch().await
            };
            tokens.get(fetch).await.unwrap().to_string()
        }));
    }
    tokio::task::yield_now().await;
    go.notify_one();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), "t1");
    }
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_one_renews_the_others_go_on() {
    let (tokens, source) = (Arc::new(Tokens::default()), Arc::new(Source::default()));
    assert_eq!(token(&tokens, &source).await, "t1");
    advance(Duration::from_secs(7000)).await;
    let go = Arc::new(Notify::new());
    let renewing = tokio::spawn({
        let (tokens, source, go) = (Arc::clone(&tokens), Arc::clone(&source), Arc::clone(&go));
        async move {
            let fetch = || async {
                go.notified().await;
                source.fetch().await
            };
            tokens.get(fetch).await.unwrap().to_string()
        }
    });
    tokio::task::yield_now().await;
    assert_eq!(token(&tokens, &source).await, "t1");
    go.notify_one();
    assert_eq!(renewing.await.unwrap(), "t2");
    assert_eq!(token(&tokens, &source).await, "t2");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_serves_to_its_end() {
    let (tokens, source) = (Tokens::default(), Source::default());
    assert_eq!(token(&tokens, &source).await, "t1");
    advance(Duration::from_secs(7000)).await;
    for _ in 0..10 {
        assert_eq!(&*tokens.get(|| source.fail()).await.unwrap(), "t1");
    }
    assert_eq!(source.fetches(), 2);
    advance(Duration::from_secs(200)).await;
    tokens.get(|| source.fail()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_refusals_cause_one_fetch() {
    let (tokens, source) = (Arc::new(Tokens::default()), Arc::new(Source::default()));
    assert_eq!(token(&tokens, &source).await, "t1");
    let sending: Vec<_> = (0..100)
        .map(|_| {
            let (tokens, source) = (Arc::clone(&tokens), Arc::clone(&source));
            tokio::spawn(async move {
                tokens.refused("t1").await;
                token(&tokens, &source).await
            })
        })
        .collect();
    for sent in sending {
        assert_eq!(sent.await.unwrap(), "t2");
    }
    assert_eq!(source.fetches(), 2);
    tokens.refused("t1").await;
    assert_eq!(token(&tokens, &source).await, "t2", "who comes late drops nothing");
}

#[tokio::test(start_paused = true)]
async fn failures_are_shared_and_not_hammered() {
    let (tokens, source) = (Tokens::default(), Source::default());
    let busy = Outcome::later(Reason::Provider, "busy");
    for _ in 0..100 {
        assert_eq!(tokens.get(|| source.fail()).await.unwrap_err(), busy);
    }
    assert_eq!(source.fetches(), 1);
    advance(PAUSE).await;
    assert_eq!(token(&tokens, &source).await, "t2");
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_as_long_as_asked_for_within_bounds() {
    for (after, paused) in [(1, 5), (20, 20), (86_400, 60)] {
        let (tokens, source) = (Tokens::default(), Source::default());
        let trouble = super::super::Trouble::new(Reason::Throttled, "less");
        let outcome = Outcome::Later { trouble, after: Some(Duration::from_secs(after)) };
        let fail = || async { Err(outcome.clone()) };
        tokens.get(fail).await.unwrap_err();
        advance(Duration::from_secs(paused) - Duration::from_millis(2)).await;
        assert_eq!(tokens.get(|| source.fetch()).await.unwrap_err(), outcome);
        advance(Duration::from_millis(4)).await;
        assert_eq!(token(&tokens, &source).await, "t1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_refuses_all_its_tokens_is_left_alone() {
    let (tokens, source) = (Tokens::default(), Source::default());
    for number in 1..=2 {
        let fresh = token(&tokens, &source).await;
        assert_eq!(fresh, format!("t{number}"));
        tokens.refused(&fresh).await;
    }
    for _ in 0..100 {
        let outcome = tokens.get(|| source.fetch()).await.unwrap_err();
        assert!(
            matches!(&outcome, Outcome::Later { trouble, .. } if trouble.reason == Reason::Credentials)
        );
    }
    assert_eq!(source.fetches(), 2);
    advance(PAUSE).await;
    assert_eq!(token(&tokens, &source).await, "t3");
    // One that served for a while and is then refused is nothing strange.
    advance(PAUSE).await;
    tokens.refused("t3").await;
    assert_eq!(token(&tokens, &source).await, "t4");
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_while_fetching_hinders_nobody() {
    let (tokens, source) = (Arc::new(Tokens::default()), Source::default());
    let stuck = tokio::spawn({
        let tokens = Arc::clone(&tokens);
        async move { tokens.get(std::future::pending).await.map(drop) }
    });
    tokio::task::yield_now().await;
    stuck.abort();
    assert_eq!(token(&tokens, &source).await, "t1");
}

#[tokio::test(start_paused = true)]
async fn strange_lengths_do_no_harm() {
    for (lasts, still) in [(Duration::ZERO, 0), (Duration::MAX, 1_000_000), (AHEAD, 200)] {
        let tokens = Tokens::default();
        let fetch = || async move { Ok(Fresh { token: "t".to_owned(), lasts }) };
        tokens.get(fetch).await.unwrap();
        advance(Duration::from_secs(still)).await;
        let other = || async { Err(Outcome::later(Reason::Provider, "none")) };
        assert_eq!(&*tokens.get(other).await.unwrap(), "t", "{lasts:?}");
    }
    assert_eq!(format!("{:?}", Tokens::default()), "Tokens(..)");
}
