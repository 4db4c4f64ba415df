use super::*;
use crate::channel::email::tests::dispatch;

#[test]
fn links_of_the_web_and_of_mail_stay() {
    for link in ["https://a.example/b?c=d&e=f#g", "http://127.0.0.1:8080/r/x", "mailto:a@b.example"]
    {
        assert_eq!(safe(link).as_deref(), Some(link));
    }
    assert_eq!(
        safe(" https://例え.example/路 ").as_deref(),
        Some("https://xn--r8jz45g.example/%E8%B7%AF")
    );
    assert_eq!(safe("https://a.example/\r\nx: y").as_deref(), Some("https://a.example/x:%20y"));
    assert_eq!(
        safe("https://a.example/\"><script>").as_deref(),
        Some("https://a.example/%22%3E%3Cscript%3E")
    );
}

#[test]
fn anything_else_does_not() {
    let long = format!("https://a.example/{}", "x".repeat(2000));
    for link in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:",
        "mailto:a\"<b>@c.example",
        "//a.example",
        "/path",
        "a.example",
        "https://",
        "",
        &long,
    ] {
        assert_eq!(safe(link), None, "{link}");
    }
}

#[test]
fn the_tracked_link_comes_first() {
    let mut dispatch = dispatch();
    dispatch.links.read = Some("https://nudge.example/r/1".into());
    dispatch.outgoing.content.link = Some("https://shop.example/".into());
    assert_eq!(of(&dispatch).as_deref(), Some("https://nudge.example/r/1"));
    dispatch.links.read = None;
    assert_eq!(of(&dispatch).as_deref(), Some("https://shop.example/"));
    dispatch.links.read = Some("nonsense".into());
    assert_eq!(of(&dispatch).as_deref(), Some("https://shop.example/"));
    dispatch.links.read = None;
    dispatch.outgoing.content.link = Some("javascript:x".into());
    assert_eq!(of(&dispatch), None);
}
