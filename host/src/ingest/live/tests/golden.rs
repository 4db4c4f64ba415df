//! Bodies as the usual SDKs send them.

use super::*;

/// analytics-node 2: Basic auth, one clock for the batch.
pub(super) const NODE: &str = r#"{"batch":[{"userId":"019mr8mf4r","traits":{"name":"Michael Bolton",
"email":"mbolton@example.com","createdAt":"2014-06-14T23:11:42.000Z"},"context":{"library":{"name":
"@segment/analytics-node","version":"2.1.3"}},"type":"identify","messageId":
"node-next-1772445599123-8a1f2b3c-4d5e-6f70-8192-a3b4c5d6e7f8","timestamp":"2026-03-02T09:59:59.123Z",
"integrations":{},"_metadata":{"nodeVersion":"20.11.1","jsRuntime":"node"}},{"userId":"019mr8mf4r",
"event":"Item Purchased","properties":{"revenue":39.95,"shippingMethod":"2-day","products":[{"id":"A1",
"quantity":2}]},"context":{"library":{"name":"@segment/analytics-node","version":"2.1.3"}},"type":
"track","messageId":"node-next-1772445599456-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0","timestamp":
"2026-03-02T09:59:59.456Z","integrations":{},"_metadata":{"nodeVersion":"20.11.1","jsRuntime":"node"}}],
"sentAt":"2026-03-02T10:00:09.123Z"}"#;

/// analytics-python 2: nulls are sent, the write key is in the body, times are isoformat().
pub(super) const PYTHON: &str = r#"{"batch": [{"integrations": {}, "anonymousId": null, "properties":
{"plan": "Enterprise", "seats": 12}, "timestamp": "2026-03-02T09:59:58.250+00:00", "context":
{"library": {"name": "analytics-python", "version": "2.3.4"}}, "userId": "f4ca124298", "type": "track",
"event": "Account Upgraded", "messageId": "0d9a4c3e-8f7b-4a52-9c1d-2e3f4a5b6c7d"}, {"integrations": {},
"anonymousId": null, "properties": {"url": "https://example.com/docs"}, "timestamp":
"2026-03-02T11:59:58.250+02:00", "category": "Docs", "context": {"library": {"name": "analytics-python",
"version": "2.3.4"}}, "userId": "42", "type": "page", "name": "Python library", "messageId":
"7c1e2f30-1111-4222-8333-944455566677"}, {"integrations": {}, "previousId": "f4ca124298", "timestamp":
"2026-03-02T09:59:59.000+00:00", "context": {"library": {"name": "analytics-python", "version":
"2.3.4"}}, "userId": "43", "type": "alias", "messageId": "8d2f3041-2222-4333-8444-055566677788"}],
"sentAt": "2026-03-02T09:59:59.750000+00:00", "writeKey": "wk_python"}"#;

/// analytics.js 2 in a browser, to /v1/t.
pub(super) const BROWSER: &str = r#"{"timestamp":"2026-03-02T09:59:55.000Z","integrations":{"Segment.io":
true},"userId":null,"anonymousId":"b6e2d4d2-3a53-4d0f-8e6b-0f0a3c1f9d11","event":"Signed Up","type":
"track","properties":{"plan":"Startup","utm":{"source":"mail"}},"context":{"page":{"path":"/pricing",
"referrer":"https://www.example.org/","search":"?x=1","title":"Pricing – Example","url":
"https://example.com/pricing?x=1"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
"userAgentData":{"brands":[{"brand":"Chromium","version":"133"}],"mobile":false,"platform":"Linux"},
"locale":"en-US","library":{"name":"analytics.js","version":"next-1.81.0"},"timezone":"Europe/Oslo"},
"messageId":"ajs-next-1772445595000-5c0f1a2b-3c4d-5e6f-7081-92a3b4c5d6e7","writeKey":"wk_browser",
"sentAt":"2026-03-02T09:59:55.250Z","_metadata":{"bundled":["Segment.io"],"unbundled":[],"bundledIds":
[]}}"#;

/// analytics.js 2 in a browser, to /v1/p: the name is null, the rest is the page's.
pub(super) const BROWSER_PAGE: &str = r#"{"timestamp":"2026-03-02T09:59:55.000Z","integrations":{},"userId":"u1",
"anonymousId":"b6e2d4d2-3a53-4d0f-8e6b-0f0a3c1f9d11","type":"page","category":null,"name":null,
"properties":{"path":"/pricing","referrer":"","search":"","title":"Pricing","url":
"https://example.com/pricing"},"context":{"page":{"path":"/pricing","referrer":"","search":"","title":
"Pricing","url":"https://example.com/pricing"},"locale":"en-US"},"messageId":"ajs-next-1","writeKey":
"wk_browser","sentAt":"2026-03-02T09:59:55.001Z"}"#;

/// analytics-php: what is empty is an empty array.
pub(super) const PHP: &str = r#"{"batch":[{"userId":"9","event":"Job Applied","properties":[],"context":
{"library":{"name":"analytics-php","version":"3.8.1","consumer":"LibCurl"}},"timestamp":
"2026-03-02T09:59:50.123+00:00","type":"track","messageId":"d41d8cd9-8f00-4204-a980-0998ecf8427e"},
{"userId":"9","traits":[],"context":[],"type":"identify"}],"sentAt":"2026-03-02T10:00:00+00:00",
"writeKey":"wk_php"}"#;

fn golden(kind: Kind, body: &str) -> (Option<String>, Vec<String>, Vec<i64>) {
    let call = call(kind, body.as_bytes(), &received()).unwrap();
    let shorts = shorts(&call);
    let at = call.items.iter().map(|item| NOW - item.as_ref().unwrap().at.0).collect();
    assert!(call.items.iter().flatten().all(|item| item.id.is_some() || kind == Kind::Batch));
    (call.write_key, shorts, at)
}

#[test]
fn analytics_node() {
    let (key, shorts, ago) = golden(Kind::Batch, NODE);
    let all = [
        "019mr8mf4r/- profile [createdAt=2014-06-14T23:11:42.000Z email=mbolton@example.com \
         name=Michael Bolton]",
        "019mr8mf4r/- Item Purchased [products=[{\"id\":\"A1\",\"quantity\":2}] revenue=39.95 \
         shippingMethod=2-day]",
    ];
    assert_eq!((key, shorts), (None, all.map(String::from).to_vec()));
    assert_eq!(ago, [10_000, 9667]);
}

#[test]
fn analytics_python() {
    let (key, shorts, ago) = golden(Kind::Batch, PYTHON);
    let all = [
        "f4ca124298/- Account Upgraded [plan=Enterprise seats=12]",
        "42/- page Python library [category=Docs url=https://example.com/docs]",
        "43/- alias f4ca124298",
    ];
    assert_eq!((key.as_deref(), shorts), (Some("wk_python"), all.map(String::from).to_vec()));
    assert_eq!(ago, [1500, 1500, 750]);
}

#[test]
fn analytics_js() {
    let (key, shorts, ago) = golden(Kind::Track, BROWSER);
    let all = ["-/b6e2d4d2-3a53-4d0f-8e6b-0f0a3c1f9d11 Signed Up [plan=Startup utm.source=mail]"];
    assert_eq!((key.as_deref(), shorts), (Some("wk_browser"), all.map(String::from).to_vec()));
    assert_eq!(ago, [250]);

    let (_, shorts, ago) = golden(Kind::Page, BROWSER_PAGE);
    let all =
        ["u1/b6e2d4d2-3a53-4d0f-8e6b-0f0a3c1f9d11 page Pricing [path=/pricing referrer= search= \
                title=Pricing url=https://example.com/pricing]"];
    assert_eq!((shorts, ago), (all.map(String::from).to_vec(), vec![1]));
}

#[test]
fn analytics_php() {
    let (_, shorts, ago) = golden(Kind::Batch, PHP);
    assert_eq!(
        (shorts, ago),
        (vec!["9/- Job Applied []".into(), "9/- profile []".into()], vec![9877, 0])
    );
}
