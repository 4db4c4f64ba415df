//! Mail, by a small relay or, where `NUDGE_SMTP` names one as `host:port` and `NUDGE_SMTP_MAILDIR` its
//! Maildir, by a real one.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::scene::{HOME, Plan, Scene};
use crate::service::http::eventually;

/// A mail as the relay has it.
#[derive(Clone, Debug)]
struct Mail {
    from: String,
    to: String,
    /// Unfolded; names in small letters.
    headers: BTreeMap<String, String>,
    body: String,
}

/// A relay that takes mail for everybody but those whose names are commands to refuse it.
struct Relay {
    at: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// What it has refused.
    refused: Arc<Mutex<usize>>,
}

impl Relay {
    fn new() -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (mails, refused) = (Arc::default(), Arc::default());
        let (kept, counted) = (Arc::clone(&mails), Arc::clone(&refused));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (mails, refused) = (Arc::clone(&kept), Arc::clone(&counted));
                std::thread::spawn(move || drop(talk(&stream, &mails, &refused)));
            }
        });
        Relay { at, mails, refused }
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    fn refused(&self) -> usize {
        *self.refused.lock().unwrap()
    }

    async fn got(&self, many: usize) -> Vec<Mail> {
        let what = format!("{many} mails");
        eventually(&what, || async { Some(self.mails()).filter(|mails| mails.len() >= many) }).await
    }
}

fn between(line: &str, open: char, close: char) -> &str {
    line.split_once(open).and_then(|(_, rest)| rest.split_once(close)).unwrap().0
}

fn talk(
    stream: &TcpStream,
    mails: &Mutex<Vec<Mail>>,
    refused: &Mutex<usize>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut output = stream;
    let mut say = |text: &str| output.write_all(format!("{text}\r\n").as_bytes());
    say("220 relay.test ESMTP")?;
    let (mut from, mut to) = (String::new(), String::new());
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => say("250-relay.test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")?,
            "MAIL" => {
                between(&line, '<', '>').clone_into(&mut from);
                say("250 2.1.0 Ok")?;
            }
            "RCPT" => {
                between(&line, '<', '>').clone_into(&mut to);
                let mut refuse = |text: &str| {
                    *refused.lock().unwrap() += 1;
                    say(text)
                };
                match to.split('@').next().unwrap() {
                    "nobody" => refuse("550 5.1.1 No such user nobody here")?,
                    "later" if *refused.lock().unwrap() < 2 => refuse("451 4.3.0 Not now")?,
                    "spam" => refuse("554 5.7.1 Not wanted")?,
                    _ => say("250 2.1.5 Ok")?,
                }
            }
            "DATA" => {
                say("354 Go on")?;
                let mut text = Vec::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    text.push(line.strip_prefix('.').map_or(line.clone(), str::to_owned));
                }
                mails.lock().unwrap().push(read(&from, &to, &text));
                say("250 2.0.0 Queued")?;
            }
            "QUIT" => return say("221 2.0.0 Bye"),
            _ => say("250 2.0.0 Ok")?,
        }
    }
    Ok(())
}

fn read(from: &str, to: &str, lines: &[String]) -> Mail {
    let split = lines.iter().position(String::is_empty).unwrap();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in &lines[..split] {
        if line.starts_with([' ', '\t']) {
            headers.get_mut(&last).unwrap().push_str(line);
        } else {
            let (name, value) = line.split_once(": ").unwrap();
            last = name.to_ascii_lowercase();
            let before = headers.insert(last.clone(), value.to_owned());
            assert!(before.is_none(), "{name} twice");
        }
    }
    let body = lines[split + 1..].join("\n");
    Mail { from: from.to_owned(), to: to.to_owned(), headers, body }
}

fn settings(host: &str, port: u16) -> Value {
    json!({ "host": host, "port": port, "tls": "none", "from": "The Shop <shop@nudge.example>",
        "reply_to": "help@nudge.example" })
}

async fn scene(host: &str, port: u16) -> Scene {
    let scene = Scene::with("retries = \"10ms 10ms 10ms\"").await;
    scene.tenant.has("mail", "email", settings(host, port)).await;
    let plan = Plan::on(&[("mail", "email")]).leads("https://shop.example/cart");
    let plan = plan.with("[topic.offers]\ntitle = \"Offers\"\nmessages = [\"thank\"]\n");
    scene.tenant.activate(&plan.toml()).await;
    scene
}

async fn tell(scene: &Scene, user: &str, address: &str) {
    scene.tenant.identify(user, json!({ "email": address })).await;
    scene.tenant.tell(user).await;
}

#[tokio::test]
async fn a_mail_arrives_and_leaves_its_reader_a_way_out() {
    let relay = Relay::new();
    let scene = scene("127.0.0.1", relay.at.port()).await;
    tell(&scene, "ann", "Ann.O'Neil@example.com").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    let mails = relay.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_str()),
        ("shop@nudge.example", "Ann.O'Neil@example.com")
    );
    let header = |name: &str| mail.headers.get(name).map_or("", String::as_str);
    let tracking = attempt["tracking"].as_str().unwrap();
    assert_eq!(header("subject"), "You are at cart");
    assert_eq!(header("reply-to"), "help@nudge.example");
    assert!(header("from").ends_with("<shop@nudge.example>"));
    assert_eq!(header("message-id"), format!("<{tracking}@nudge.example>"));
    assert!(header("content-type").starts_with("multipart/alternative"));
    for part in ["text/plain", "text/html", "Come back.", "/o/", "/r/"] {
        assert!(mail.body.contains(part), "{part}: {}", mail.body);
    }
    // RFC 8058: both headers, a URL of https that one POST goes to.
    assert_eq!(header("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
    let link = between(header("list-unsubscribe"), '<', '>').to_owned();
    assert!(link.starts_with(&format!("{HOME}/u/")), "{link}");
    let got = scene.post(&link, "List-Unsubscribe=One-Click").send().await;
    assert_eq!(got.status, 200);
    scene.tenant.was_at("ann", "desk", 30_000).await;
    tell(&scene, "witness", "witness@example.com").await;
    let mails = relay.got(2).await;
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].to, "witness@example.com");
}

#[tokio::test]
async fn what_a_relay_refuses_fails_waits_or_is_never_tried_again() {
    let relay = Relay::new();
    let scene = scene("127.0.0.1", relay.at.port()).await;
    let tenant = &scene.tenant;
    tell(&scene, "ann", "later@example.com").await;
    let attempt = tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["tries"], 2);
    tell(&scene, "bob", "spam@example.com").await;
    let reason = tenant.ends("bob", "failed").await["reason"].clone();
    assert!(reason.as_str().unwrap().starts_with("rejected: "), "{reason}");
    tell(&scene, "cyd", "nobody@example.com").await;
    let reason = tenant.ends("cyd", "failed").await["reason"].clone();
    assert!(reason.as_str().unwrap().starts_with("invalid-address: "), "{reason}");
    assert!(!reason.as_str().unwrap().contains("nobody"), "{reason}");
    let refused = relay.refused();
    assert_eq!(refused, 4);
    // An address is the same however it is written.
    tell(&scene, "dan", " Nobody@Example.com").await;
    assert_eq!(tenant.ends("dan", "refused").await["reason"], "suppressed");
    // What is no address never gets there.
    for (user, address) in [("eve", "nonsense"), ("fay", "a@b.com\r\nRCPT TO:<c@d.com>")] {
        tell(&scene, user, address).await;
        let reason = tenant.ends(user, "failed").await["reason"].clone();
        assert!(reason.as_str().unwrap().starts_with("invalid-address: "), "{reason}");
    }
    assert_eq!((relay.refused(), relay.mails().len()), (refused, 1));
}

#[tokio::test]
async fn without_leave_no_mail_goes_to_this_machine() {
    let relay = Relay::new();
    let key_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key_file.path(), super::scene::key(1)).unwrap();
    let config = super::scene::config("retries = \"10ms\"", key_file.path());
    let scene = Scene::configured(&config.replace("127.0.0.0/8", "")).await;
    let plan = Plan::on(&[("mail", "email")]);
    for host in ["127.0.0.1", "localhost"] {
        let new = json!({ "kind": "email", "settings": settings(host, relay.at.port()) });
        assert!(scene.tenant.put("mail", &new).send().await.status < 300);
        scene.tenant.activate(&plan.toml()).await;
        tell(&scene, host, "ann@example.com").await;
        let reason = scene.tenant.ends(host, "failed").await["reason"].clone();
        assert!(reason.as_str().unwrap().starts_with("forbidden: "), "{reason}");
    }
    assert!(relay.mails().is_empty());
}

#[tokio::test]
async fn a_real_relay_takes_it_as_well() {
    let variable = |name| std::env::var(name).ok();
    let (Some(server), Some(folder)) = (variable("NUDGE_SMTP"), variable("NUDGE_SMTP_MAILDIR"))
    else {
        eprintln!("SKIPPED: NUDGE_SMTP and NUDGE_SMTP_MAILDIR name no server and its Maildir");
        return;
    };
    let (host, port) = server.rsplit_once(':').unwrap();
    let scene = scene(host, port.parse().unwrap()).await;
    tell(&scene, "ann", "ann@nudge.example").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    let tracking = attempt["tracking"].as_str().unwrap();
    let folder = std::path::Path::new(&folder).join("new");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mails = files.map(|file| std::fs::read_to_string(file).unwrap());
    let mails: Vec<String> =
        mails.filter(|mail| mail.contains(&format!("X-Nudge-Tracking: {tracking}"))).collect();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
}
