//! Element 5 of the reminders for users who have been away: a text or a file is sent to a mailbox, which stores it.
//! Mail is sent by lettre, which is not ours, and by hand where lettre is too polite.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::{Message, SmtpTransport, Transport as _};
use serde_json::{Value, json};

use super::stage::{Stage, nudge, run};
use super::tenant::Tenant;

const CONFIG: &str = "[mailbox]\nlisten = \"127.0.0.1:0\"\ndomain = \"mail.example.com\"\n\
                      message_bytes = \"200KiB\"\ncontents = 3\n";

/// A service that takes mail, and where.
struct Scene {
    stage: Stage,
    port: u16,
}

impl Scene {
    fn new(config: &str) -> Scene {
        let mut stage = Stage::with(config);
        // What the first start printed is gone.
        stage.stop();
        let mut scene = Scene { stage, port: 0 };
        scene.start();
        scene
    }

    fn start(&mut self) {
        let printed = self.stage.start();
        let at = printed
            .iter()
            .find_map(|line| line.strip_prefix("taking mail for mail.example.com on "));
        let at = at.unwrap_or_else(|| panic!("{printed:?}"));
        self.port = at.rsplit(':').next().unwrap().parse().unwrap();
    }

    /// A tenant with a mailbox, which takes mail from these senders.
    async fn tenant(&self, name: &str, mailbox: &str, senders: &[&str]) -> Tenant {
        let tenant = self.stage.tenant(name).await;
        let ask = self.stage.server.ask("PUT", &format!("/v1/mailboxes/{mailbox}"));
        let got = ask.by(&tenant.manage).json(&json!({ "senders": senders })).send().await.is(201);
        assert_eq!(got.json()["address"], format!("{mailbox}.{name}@mail.example.com"));
        tenant
    }

    /// Sends a mail; why not, if it was refused.
    async fn sends(&self, mail: Message) -> Result<(), String> {
        let port = self.port;
        let sent = tokio::task::spawn_blocking(move || {
            let transport = SmtpTransport::builder_dangerous("127.0.0.1").port(port).build();
            transport.send(&mail).map(|_| ()).map_err(|error| format!("{error} {error:?}"))
        });
        sent.await.unwrap()
    }

    /// Says this by hand, each after the answer to the one before; the last answer.
    fn says(&self, lines: &[&str]) -> String {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        let mut last = hears(&mut stream);
        for line in lines {
            stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
            last = hears(&mut stream);
        }
        last
    }
}

/// The last line of an answer.
fn hears(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        let end = stream.read_line(&mut line).unwrap() == 0;
        if end || line.as_bytes().get(3) == Some(&b' ') {
            return line;
        }
    }
}

fn mail(from: &str, to: &str) -> lettre::message::MessageBuilder {
    Message::builder().from(from.parse().unwrap()).to(to.parse().unwrap()).subject("Neu: 你好")
}

async fn contents(tenant: &Tenant, mailbox: &str) -> Vec<Value> {
    let got = tenant.get(&format!("/v1/mailboxes/{mailbox}/contents")).send().await.is(200);
    got.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn e5_a_text_and_a_file_sent_by_mail_are_stored() {
    let mut scene = Scene::new(CONFIG);
    let tenant = scene.tenant("acme", "news", &["ann@shop.example"]).await;
    let (ann, news) = ("Ann <ann@shop.example>", "news.acme@mail.example.com");
    // Nothing in it is touched on the way, dots at the beginning of lines included.
    let file: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    let parts = MultiPart::mixed()
        .multipart(MultiPart::alternative_plain_html(
            "Come back.\n.\n..and look".to_owned(),
            "<p>Come back".to_owned(),
        ))
        .singlepart(
            Attachment::new("Preise 价格.pdf".to_owned())
                .body(file.clone(), ContentType::parse("application/pdf").unwrap()),
        );
    scene.sends(mail(ann, news).multipart(parts).unwrap()).await.unwrap();
    let kept = contents(&tenant, "news").await;
    let [content] = kept.as_slice() else { panic!("{kept:#?}") };
    assert_eq!(content["subject"], "Neu: 你好");
    assert_eq!(content["text"], "Come back.\n.\n..and look");
    assert_eq!(content["from"], "ann@shop.example");
    assert_eq!(content["files"][0]["name"], "Preise 价格.pdf");
    assert_eq!(content["files"][0]["bytes"], 50_000);
    let html = SinglePart::html("<div>Only</div><div>this &amp; that</div>".to_owned());
    scene.sends(mail(ann, news).singlepart(html).unwrap()).await.unwrap();
    assert_eq!(contents(&tenant, "news").await[0]["text"], "Only\nthis & that");

    // What was answered with 250 is there, whatever happens.
    scene.stage.kill();
    scene.start();
    let after = contents(&tenant, "news").await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[1], *content);
    let path = format!("/v1/mailboxes/news/contents/{}", content["id"]);
    assert_eq!(tenant.get(&path).send().await.is(200).json(), *content);
    // Whoever has the link gets the file, to be stored and not to be run.
    let link = content["files"][0]["url"].as_str().unwrap();
    let got = scene.stage.server.get(link).send().await;
    assert_eq!((got.status, got.body), (200, file));
    assert_eq!(got.headers["content-type"], "application/pdf");
    assert_eq!(got.headers["x-content-type-options"], "nosniff");
    assert!(got.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    let named = got.headers["content-disposition"].to_str().unwrap();
    assert!(named.starts_with("attachment; "), "{named}");
    assert!(named.ends_with("filename*=UTF-8''Preise%20%E4%BB%B7%E6%A0%BC.pdf"), "{named}");
    let spoilt = format!("{}A", &link[..link.len() - 1]);
    if spoilt != link {
        assert_eq!(scene.stage.server.get(&spoilt).send().await.status, 404);
    }
    let said = scene.stage.stop();
    assert!(!said.contains("Come back"), "what mails say is not logged: {said}");
    // A backup has it all, and a copy passes the checks.
    let copy = scene.stage.path("copy");
    assert_eq!(run(scene.stage.about("backup").arg(&copy)).code, 0);
    assert_eq!(run(nudge(&["check", "--data"]).arg(&copy)).code, 0);
}

#[tokio::test]
async fn e5_only_its_senders_write_to_a_mailbox() {
    let scene = Scene::new(CONFIG);
    let acme = scene.tenant("acme", "news", &["ann@shop.example", "*@press.example"]).await;
    let other = scene.tenant("other", "news", &["eve@else.example"]).await;
    let send = async |from: &str, to: &str| {
        let text = mail(from, to).body("hello".to_owned()).unwrap();
        scene.sends(text).await
    };
    let news = "news.acme@mail.example.com";
    send("ann@shop.example", news).await.unwrap();
    send("anybody@press.example", news).await.unwrap();
    for (from, to) in [
        ("eve@else.example", news),
        ("ann@shop.example", "news.other@mail.example.com"),
        ("ann@shop.example", "none.acme@mail.example.com"),
        ("ann@shop.example", "news.nobody@mail.example.com"),
        ("ann@shop.example", "news.acme@elsewhere.example"),
    ] {
        let refused = send(from, to).await.unwrap_err();
        // The same words, whether there is such a mailbox or not.
        assert!(refused.contains("there is no such mailbox, or it takes no mail"), "{refused}");
        assert!(refused.contains("550"), "{refused}");
    }
    // In the envelope it is ann, in the header somebody else.
    let forged = scene.says(&[
        "EHLO x",
        "MAIL FROM:<ann@shop.example>",
        "RCPT TO:<news.acme@mail.example.com>",
        "DATA",
        "From: eve@else.example\r\n\r\nhello\r\n.",
    ]);
    assert!(forged.starts_with("550 "), "{forged}");
    assert_eq!(contents(&acme, "news").await.len(), 2);
    assert_eq!(contents(&other, "news").await.len(), 0);
    // Suspended, it takes nothing, either.
    let suspend = scene.stage.server.ask("PATCH", "/v1/tenants/acme").by(&scene.stage.admin);
    suspend.json(&json!({ "suspended": true })).send().await.is(200);
    assert!(send("ann@shop.example", news).await.is_err());
}

#[tokio::test]
async fn e5_a_text_and_a_file_are_uploaded() {
    let mut scene = Scene::new(&format!("public_url = \"https://push.example.com/x\"\n{CONFIG}"));
    let tenant = scene.tenant("acme", "news", &[]).await;
    let path = "/v1/mailboxes/news/contents";
    let text = tenant
        .post(&format!("{path}?subject=Hello"))
        .body("text/plain; charset=utf-8", "Come back.");
    let text = text.send().await.is(201);
    let place = text.header("location").to_owned();
    assert_eq!(
        (&text.json()["subject"], &text.json()["text"]),
        (&json!("Hello"), &json!("Come back."))
    );
    let page = "<script>alert(1)</script>";
    let file = tenant
        .post(&format!("{path}?name=../page.html"))
        .body("text/html", page)
        .send()
        .await
        .is(201)
        .json();
    assert_eq!(file["files"][0]["name"], "page.html");
    // Below where the service says that it is reached.
    let link = file["files"][0]["url"].as_str().unwrap();
    let link = link.strip_prefix("https://push.example.com/x").unwrap();
    scene.stage.kill();
    scene.start();
    assert_eq!(tenant.get(&place).send().await.is(200).json(), text.json());
    let got = scene.stage.server.get(link).send().await;
    assert_eq!((got.status, got.text().as_str()), (200, page));
    assert!(got.header("content-disposition").starts_with("attachment"));
    assert!(got.header("content-security-policy").contains("sandbox"));
    for (query, media, body, status) in [
        ("", "application/pdf", b"%PDF".to_vec(), 415),
        ("", "text/plain", b"\xff\xfe".to_vec(), 400),
        ("", "text/plain", b" ".to_vec(), 400),
        ("?name=a&what=b", "text/plain", b"x".to_vec(), 400),
        ("", "text/plain", vec![b'x'; 65_537], 413),
        ("?name=a", "image/png", vec![0; 200 * 1_024 + 1], 413),
    ] {
        tenant.post(&format!("{path}{query}")).body(media, body).send().await.is(status);
    }
    tenant
        .post(&format!("{path}?name=a"))
        .body("image/png", vec![0; 200 * 1_024])
        .send()
        .await
        .is(201);
    tenant.post("/v1/mailboxes/none/contents").body("text/plain", "x").send().await.is(404);
    scene.stage.server.post(path).by(&tenant.ingest).body("text/plain", "x").send().await.is(403);
    assert_eq!(contents(&tenant, "news").await.len(), 3);
    // Three are kept: the oldest makes way.
    tenant.post(path).body("text/plain", "the fourth").send().await.is(201);
    tenant.get(&place).send().await.is(404);
    let gone =
        scene.stage.server.ask("DELETE", "/v1/mailboxes/news").by(&tenant.manage).send().await;
    assert_eq!(gone.status, 204);
    assert_eq!(scene.stage.server.get(link).send().await.status, 404);
}

#[tokio::test]
async fn e5_mail_has_its_limits() {
    let mut scene = Scene::new(CONFIG);
    let tenant = scene.tenant("acme", "news", &["ann@shop.example"]).await;
    let (ann, news) = ("ann@shop.example", "news.acme@mail.example.com");
    let large = mail(ann, news).body("x\r\n".repeat(100_000)).unwrap();
    let refused = scene.sends(large).await.unwrap_err();
    assert!(refused.contains("552"), "{refused}");
    let said = scene.says(&["EHLO x", "MAIL FROM:<ann@shop.example> SIZE=204801"]);
    assert!(said.starts_with("552 "), "{said}");
    // Garbage is answered, and does no harm.
    for garbage in ["\0\u{1}\u{2}", "MAIL FROM:<\u{e9}>", &"x".repeat(10_000)] {
        let said = scene.says(&[garbage]);
        assert!(said.starts_with('5'), "{said}");
    }
    scene.sends(mail(ann, news).body("hello".to_owned()).unwrap()).await.unwrap();
    assert_eq!(contents(&tenant, "news").await.len(), 1);
    // A second service on the same port says so, and makes nothing.
    let config = CONFIG.replace("127.0.0.1:0", &format!("127.0.0.1:{}", scene.port));
    let file = scene.stage.path("second.toml");
    std::fs::write(&file, config).unwrap();
    let data = scene.stage.path("second");
    let mut second = nudge(&["serve", "--listen", "127.0.0.1:0", "--config"]);
    let second = run(second.arg(&file).arg("--data").arg(&data));
    assert!(second.err.contains("cannot listen for mail on"), "{second:?}");
    assert!(!data.exists());
    scene.stage.stop();
    assert!(TcpStream::connect(("127.0.0.1", scene.port)).is_err());
}

#[tokio::test]
async fn e5_who_sends_no_mail_is_left() {
    let scene = Scene::new(&format!("{CONFIG}timeout = \"300ms\"\nper_address = 1\n"));
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", scene.port)).unwrap());
    let hello = hears(&mut stream);
    assert!(hello.starts_with("220 mail.example.com "), "{hello}");
    let left = hears(&mut stream);
    assert!(left.starts_with("421 4.4.2 "), "{left}");
    assert_eq!(hears(&mut stream), "");
}
