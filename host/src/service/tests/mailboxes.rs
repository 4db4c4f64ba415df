//! Mailboxes by hand: what is kept, for how long, and who may have it.

use serde_json::{Value as Json, json};

use super::stand::{Stand, acme, run};
use crate::mailbox::mime::File;
use crate::mailbox::{Incoming, Refused};
use crate::service::words::{ContentInfo, NewMailbox, NewTenant, TenantChange};
use crate::service::{Error, NewContent, TenantName};
use crate::store::TenantId;

const CONFIG: &str = "[mailbox]\nlisten = \"127.0.0.1:0\"\ndomain = \"mail.example.com\"\n\
                      contents = 3\nmessage_bytes = \"10KiB\"\ntenant_bytes = \"20KiB\"\n";

/// A stand with a mailbox `news`, which takes mail from the shop.
fn stand() -> Stand {
    let stand = Stand::with(CONFIG);
    set_up(&stand, &acme(), "news", &["*@shop.example"]);
    stand
}

fn set_up(stand: &Stand, tenant: &TenantName, name: &str, senders: &[&str]) {
    let senders = senders.iter().map(|sender| (*sender).to_owned()).collect();
    let new = NewMailbox { senders, max_bytes: None };
    run(stand.service.put_mailbox(tenant, name, new)).unwrap();
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> File {
    File { name: name.to_owned(), media_type: "application/pdf".to_owned(), bytes: bytes.into() }
}

fn text(text: &str) -> NewContent {
    NewContent { subject: "s".to_owned(), text: text.to_owned(), files: Vec::new() }
}

fn keep(stand: &Stand, mailbox: &str, new: NewContent) -> Result<ContentInfo, Error> {
    run(stand.service.keep_content(&acme(), mailbox, new))
}

fn latest(stand: &Stand, mailbox: &str) -> Option<ContentInfo> {
    run(stand.service.content_of(&acme(), mailbox)).unwrap()
}

fn mailed(stand: &Stand, from: &str, to: &[&str], mail: &str) -> Result<(), Refused> {
    let post = stand.service.post();
    for to in to {
        post.may(from, to)?;
    }
    let to = to.iter().map(|to| (*to).to_owned()).collect();
    run(post.deliver(Incoming { from: from.to_owned(), to, bytes: mail.as_bytes().to_vec() }))
}

fn has(stand: &Stand, tenant: u32, sha256: &str) -> bool {
    use crate::store::Store as _;
    stand.store.blob(&format!("content/{tenant}/{sha256}")).unwrap().is_some()
}

fn token(url: &str) -> &str {
    url.strip_prefix("/c/").unwrap()
}

const MAIL: &str = "From: Ann <ann@shop.example>\r\nSubject: New\r\n\r\nhello\r\n";

#[test]
fn mail_is_kept_with_all_that_it_says() {
    let stand = stand();
    let sent = "From: Ann <ANN@shop.example>\r\nSubject: New\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                --b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf; name=\"a b.pdf\"\r\n\r\n%PDF\r\n--b--\r\n";
    mailed(&stand, "bounce@shop.example", &["NEWS.acme@Mail.example.com"], sent).unwrap();
    let check = |stand: &Stand| {
        let content = latest(stand, "news").unwrap();
        assert_eq!((content.subject.as_str(), content.text.as_str()), ("New", "hello"));
        assert_eq!(content.from.as_deref(), Some("bounce@shop.example"));
        let [file] = content.files.as_slice() else { panic!("{content:?}") };
        assert_eq!((file.name.as_str(), file.bytes), ("a b.pdf", 4));
        let got = run(stand.service.content_file(token(&file.url))).unwrap();
        assert_eq!((got.name.as_str(), got.media_type.as_str()), ("a b.pdf", "application/pdf"));
        assert_eq!(got.bytes, b"%PDF");
        content
    };
    let before = check(&stand);
    let stand = stand.restarts();
    assert_eq!(check(&stand), before);
    let info = stand.service.mailbox(&acme(), "news").unwrap();
    assert_eq!(info.address.as_deref(), Some("news.acme@mail.example.com"));
    assert_eq!((info.contents, info.max_bytes), (1, 10 << 10));
}

#[test]
fn only_who_may_can_send() {
    let stand = stand();
    set_up(&stand, &acme(), "one", &["Ann@shop.example", "bob@x.example"]);
    set_up(&stand, &acme(), "closed", &[]);
    let post = stand.service.post();
    for (from, to, may) in [
        ("ann@shop.example", "news.acme@mail.example.com", true),
        ("ann@SHOP.example", "one.acme@mail.example.com", true),
        ("eve@shop.example", "one.acme@mail.example.com", false),
        ("ann@sub.shop.example", "news.acme@mail.example.com", false),
        ("ann@evilshop.example", "news.acme@mail.example.com", false),
        ("@shop.example", "news.acme@mail.example.com", false),
        ("", "news.acme@mail.example.com", false),
        ("ann@shop.example", "closed.acme@mail.example.com", false),
        ("ann@shop.example", "none.acme@mail.example.com", false),
        ("ann@shop.example", "news.other@mail.example.com", false),
        ("ann@shop.example", "news@mail.example.com", false),
        ("ann@shop.example", "acme.news@mail.example.com", false),
        ("ann@shop.example", "news.acme.x@mail.example.com", false),
        ("ann@shop.example", "news.acme@example.com", false),
        ("ann@shop.example", "", false),
    ] {
        let expected = if may { Ok(10 << 10) } else { Err(Refused::Unknown) };
        assert_eq!(post.may(from, to), expected, "{from} to {to}");
    }
    // What it says in the header counts as well.
    let to = ["one.acme@mail.example.com"];
    for from in ["eve@shop.example", "ann@shop.example, eve@else.example"] {
        let mail = MAIL.replace("Ann <ann@shop.example>", from);
        assert_eq!(mailed(&stand, "ann@shop.example", &to, &mail), Err(Refused::Unknown));
    }
    let mail = MAIL.replace("Ann <ann@shop.example>", "ann@shop.example, bob@x.example");
    assert_eq!(mailed(&stand, "bob@x.example", &to, &mail), Ok(()));
    let unreadable = mailed(&stand, "ann@shop.example", &to, "Subject: nobody's\r\n\r\nhello");
    assert!(matches!(unreadable, Err(Refused::Unreadable(_))), "{unreadable:?}");
}

#[test]
fn a_mail_for_several_is_for_all_or_none() {
    let stand = stand();
    set_up(&stand, &acme(), "more", &["ann@shop.example"]);
    let other = NewTenant { name: "other".to_owned() };
    run(stand.service.create_tenant(other)).unwrap();
    let other = stand.service.tenant_name("other").unwrap();
    set_up(&stand, &other, "theirs", &["*@shop.example"]);
    let all = [
        "news.acme@mail.example.com",
        "more.acme@mail.example.com",
        "theirs.other@mail.example.com",
        "NEWS.acme@mail.example.com",
    ];
    mailed(&stand, "ann@shop.example", &all, MAIL).unwrap();
    let count =
        |tenant: &TenantName, name: &str| stand.service.mailbox(tenant, name).unwrap().contents;
    assert_eq!(
        (count(&acme(), "news"), count(&acme(), "more"), count(&other, "theirs")),
        (1, 1, 1)
    );
    let sha256 = latest(&stand, "news").unwrap();
    assert_ne!(sha256.id, latest(&stand, "more").unwrap().id);
    // `more` does not take it from eve, so nobody gets it.
    let mail = MAIL.replace("ann@", "eve@");
    assert_eq!(mailed(&stand, "ann@shop.example", &all, &mail), Err(Refused::Unknown));
    assert_eq!((count(&acme(), "news"), count(&other, "theirs")), (1, 1));
}

#[test]
fn the_oldest_make_way_and_bytes_that_nobody_needs_go() {
    let stand = stand();
    set_up(&stand, &acme(), "more", &[]);
    let same = || NewContent { files: vec![file("a.pdf", "same")], ..text("first") };
    let first = keep(&stand, "news", same()).unwrap();
    let sha256 = first.files[0].sha256.clone();
    let link = token(&first.files[0].url).to_owned();
    assert!(has(&stand, 1, &sha256));
    let shared =
        keep(&stand, "more", NewContent { files: vec![file("b.pdf", "same")], ..text("") })
            .unwrap();
    assert_eq!(shared.files[0].url, first.files[0].url, "the same bytes are kept once");
    assert_eq!(
        run(stand.service.content_file(&link)).unwrap().name,
        "b.pdf",
        "as it was last sent"
    );
    for n in 0..3 {
        keep(&stand, "news", text(&format!("text {n}"))).unwrap();
    }
    let kept = run(stand.service.contents(&acme(), "news")).unwrap();
    let texts: Vec<&str> = kept.iter().map(|content| content.text.as_str()).collect();
    assert_eq!(texts, ["text 2", "text 1", "text 0"]);
    assert!(matches!(
        run(stand.service.content(&acme(), "news", &first.id.to_string())),
        Err(Error::NotFound(_))
    ));
    assert!(has(&stand, 1, &sha256), "the other mailbox needs it");
    run(stand.service.delete_mailbox(&acme(), "more")).unwrap();
    assert!(!has(&stand, 1, &sha256));
    assert!(matches!(run(stand.service.content_file(&link)), Err(Error::NotFound(_))));
    // One of the same name is empty.
    set_up(&stand, &acme(), "more", &[]);
    assert_eq!(latest(&stand, "more"), None);
    assert!(matches!(run(stand.service.delete_mailbox(&acme(), "none")), Err(Error::NotFound(_))));
}

#[test]
fn a_tenant_has_so_many_bytes() {
    let stand = stand();
    let large = |n: u8| NewContent { files: vec![file("a.pdf", vec![n; 9_000])], ..text("") };
    keep(&stand, "news", large(1)).unwrap();
    keep(&stand, "news", large(2)).unwrap();
    let refused = keep(&stand, "news", large(3)).unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "{refused}");
    // The same bytes count once, and what makes way does not count.
    keep(&stand, "news", large(2)).unwrap();
    keep(&stand, "news", large(3)).unwrap();
    let mail = format!("{MAIL}{}", "x".repeat(9_000));
    let full = mailed(&stand, "ann@shop.example", &["news.acme@mail.example.com"], &mail);
    assert!(matches!(full, Err(Refused::Full(_))), "{full:?}");
    let long = keep(&stand, "news", text(&"x".repeat((64 << 10) + 1))).unwrap_err();
    assert!(matches!(long, Error::TooLarge(_)), "{long}");
    let files = (0..21).map(|n| file("a", [n])).collect();
    assert!(keep(&stand, "news", NewContent { files, ..text("") }).is_err());
    assert!(keep(&stand, "news", text(" \n")).is_err());
    assert!(matches!(keep(&stand, "none", text("x")), Err(Error::NotFound(_))));
}

#[test]
fn nothing_is_told_that_is_not_kept() {
    let stand = stand();
    stand.store.set_room(0);
    let full = keep(&stand, "news", text("x")).unwrap_err();
    assert!(matches!(full, Error::Full(_)), "{full}");
    let to = ["news.acme@mail.example.com"];
    assert_eq!(mailed(&stand, "ann@shop.example", &to, MAIL), Err(Refused::Later));
    stand.store.set_room(u64::MAX);
    assert_eq!(latest(&stand, "news"), None);
    stand.service.stop_taking();
    assert_eq!(mailed(&stand, "ann@shop.example", &to, MAIL), Err(Refused::Later));
}

#[test]
fn mailboxes_are_checked() {
    let stand = stand();
    let put = |name: &str, senders: &[&str], max_bytes| {
        let senders = senders.iter().map(|sender| (*sender).to_owned()).collect();
        run(stand.service.put_mailbox(&acme(), name, NewMailbox { senders, max_bytes }))
    };
    for name in ["", "A", "a.b", "a b", "-a", &"a".repeat(41)] {
        assert!(put(name, &[], None).is_err(), "{name:?}");
    }
    for sender in ["", "ann", "@x", "a@", "*@*", "*@.x", "a b@x", "**@x", "<a@x>", "a@x, b@x"] {
        assert!(put("a", &[sender], None).is_err(), "{sender:?}");
    }
    assert!(put("a", &["a@x.example"; 101], None).is_err());
    for bytes in [0, (10 << 10) + 1] {
        assert!(put("a", &[], Some(bytes)).is_err());
    }
    let (info, new) =
        put("a", &[" Ann@X.example ", "ann@x.example", "*@y.example"], Some(100)).unwrap();
    assert!(new);
    assert_eq!(info.senders, ["*@y.example", "ann@x.example"]);
    assert_eq!(stand.service.post().may("ann@x.example", "a.acme@mail.example.com"), Ok(100));
    let large = MAIL.replace("Ann <ann@shop.example>", "ann@x.example") + &"x".repeat(100);
    let refused = mailed(&stand, "ann@x.example", &["a.acme@mail.example.com"], &large);
    assert!(matches!(refused, Err(Refused::Unreadable(_))), "{refused:?}");
    assert!(!put("a", &[], None).unwrap().1);
    for n in 2..50 {
        put(&format!("b{n}"), &[], None).unwrap();
    }
    assert!(matches!(put("too-many", &[], None), Err(Error::Conflict(_))));
    let long = "t".repeat(60);
    run(stand.service.create_tenant(NewTenant { name: long.clone() })).unwrap();
    let long = stand.service.tenant_name(&long).unwrap();
    let put = |name: &str| run(stand.service.put_mailbox(&long, name, NewMailbox::default()));
    assert!(put("abcd").unwrap_err().to_string().contains("3 characters"));
    assert!(put("abc").is_ok());
}

#[test]
fn links_cannot_be_made_up() {
    let stand = stand();
    let kept =
        keep(&stand, "news", NewContent { files: vec![file("a", "x")], ..text("") }).unwrap();
    let link = token(&kept.files[0].url).to_owned();
    assert!(run(stand.service.content_file(&link)).is_ok());
    for at in 0..link.len() {
        for letter in ["A", "b", "_", "."] {
            let mut changed = link.clone();
            changed.replace_range(at..=at, letter);
            if changed != link {
                let got = run(stand.service.content_file(&changed));
                assert!(matches!(got, Err(Error::NotFound(_))), "{changed}");
            }
        }
    }
    for none in
        ["", "x", "é", &link[1..], &format!("{link}A"), &format!("{link}="), &"A".repeat(9_999)]
    {
        assert!(run(stand.service.content_file(none)).is_err(), "{none}");
    }
    // Another tenant that has the same file has another link.
    run(stand.service.create_tenant(NewTenant { name: "other".to_owned() })).unwrap();
    let other = stand.service.tenant_name("other").unwrap();
    set_up(&stand, &other, "news", &[]);
    let new = NewContent { files: vec![file("a", "x")], ..text("") };
    let theirs = run(stand.service.keep_content(&other, "news", new)).unwrap();
    assert_eq!(theirs.files[0].sha256, kept.files[0].sha256);
    assert_ne!(theirs.files[0].url, kept.files[0].url);
    let suspended = |suspended| TenantChange { suspended: Some(suspended), daily_quota: None };
    run(stand.service.change_tenant("acme", suspended(true))).unwrap();
    assert!(run(stand.service.content_file(&link)).is_err());
    assert_eq!(
        stand.service.post().may("ann@shop.example", "news.acme@mail.example.com"),
        Err(Refused::Unknown)
    );
    run(stand.service.change_tenant("acme", suspended(false))).unwrap();
    assert!(run(stand.service.content_file(&link)).is_ok());
}

#[test]
fn a_tenant_that_goes_takes_everything_along() {
    use crate::store::Store as _;
    let stand = stand();
    let kept =
        keep(&stand, "news", NewContent { files: vec![file("a", "x")], ..text("y") }).unwrap();
    assert!(has(&stand, 1, &kept.files[0].sha256));
    run(stand.service.delete_tenant("acme")).unwrap();
    assert!(!has(&stand, 1, &kept.files[0].sha256));
    let left = stand.store.control().unwrap();
    assert!(left.iter().all(|record| record.tenant != TenantId(1)), "{left:?}");
    assert!(run(stand.service.content_file(token(&kept.files[0].url))).is_err());
}

#[test]
fn e6_parameters_are_composed_with_what_is_in_a_mailbox() {
    let stand = stand();
    let resolve = |parameters: Json| {
        let mut parameters = parameters;
        stand.core().resolve_content(&acme(), &mut parameters).map(|()| parameters)
    };
    for asis in [
        json!({}),
        json!([]),
        json!(null),
        json!({ "content": { "text": "inline" } }),
        json!({ "content": 1 }),
    ] {
        assert_eq!(resolve(asis.clone()).unwrap(), asis);
    }
    for (name, said) in [("news", "is empty"), ("none", "no mailbox \"none\"")] {
        let Err(Error::Invalid { issues, .. }) = resolve(json!({ "content": name })) else {
            panic!()
        };
        assert_eq!(issues[0].path, "/content");
        assert!(issues[0].message.contains(said), "{issues:?}");
    }
    keep(&stand, "news", text("older")).unwrap();
    let kept =
        keep(&stand, "news", NewContent { files: vec![file("a.pdf", "x")], ..text("newer") })
            .unwrap();
    let got = resolve(json!({ "content": "news", "other": true })).unwrap();
    let url = &kept.files[0].url;
    assert_eq!(
        got,
        json!({ "other": true, "content":
            { "subject": "s", "text": "newer", "files": [{ "name": "a.pdf", "url": url }] } })
    );
    let stranger = TenantName::known("stranger");
    let mut parameters = json!({ "content": "news" });
    let unknown = stand.core().resolve_content(&stranger, &mut parameters);
    assert!(matches!(unknown, Err(Error::NotFound(_))));
}

#[test]
fn where_no_mail_is_taken_mailboxes_have_no_address() {
    let stand = Stand::new();
    set_up(&stand, &acme(), "news", &["*@shop.example"]);
    assert_eq!(stand.service.mailbox(&acme(), "news").unwrap().address, None);
    let name = "a".repeat(40);
    set_up(&stand, &acme(), &name, &[]);
    assert_eq!(stand.service.post().may("ann@shop.example", "news.acme@"), Err(Refused::Unknown));
}
