//! What is answered to what.

use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, duplex};
use tokio::sync::watch;

use super::double::{Client, Double, codes, said, session};
use crate::mailbox::smtp::Ended;

const MAIL: &str =
    "EHLO shop.example\r\nMAIL FROM:<ann@shop.example>\r\nRCPT TO:<news@x.example>\r\n";

#[tokio::test]
async fn a_mail_is_taken() {
    let double = Double::default();
    let mail = "EHLO shop.example\r\nMAIL FROM:<ann@shop.example> SIZE=30 BODY=8BITMIME\r\n\
                RCPT TO:<news@x.example>\r\nrcpt to: <small@x.example>\r\ndata\r\n\
                Subject: x\r\n\r\n..hi\r\n.\r\nQUIT\r\n";
    let (lines, ended) = said(&double, mail).await;
    assert_eq!(
        lines,
        [
            "220 x.example ESMTP Nudge",
            "250-x.example",
            "250-SIZE 2000",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-PIPELINING",
            "250 ENHANCEDSTATUSCODES",
            "250 2.1.0 go on",
            "250 2.1.5 go on",
            "250 2.1.5 go on",
            "354 go on, and end with a dot",
            "250 2.0.0 stored",
            "221 2.0.0 goodbye",
        ]
    );
    assert_eq!(ended, Ended::Quit);
    assert_eq!(double.mails(), ["Subject: x\r\n\r\n.hi\r\n"]);
    let mails = double.0.lock().unwrap();
    assert_eq!(mails[0].from, "ann@shop.example");
    assert_eq!(mails[0].to, ["news@x.example", "small@x.example"]);
}

#[tokio::test]
async fn several_mails_on_a_connection() {
    let double = Double::default();
    let one = "MAIL FROM:<ann@shop.example>\r\nRCPT TO:<news@x.example>\r\nDATA\r\nhi\r\n.\r\n";
    let got = codes(&double, format!("HELO shop.example\r\n{one}{one}{one}QUIT\r\n")).await;
    assert_eq!(got[..2], [220, 250]);
    assert_eq!(got[2..].iter().filter(|code| **code == 354).count(), 3);
    assert_eq!(double.mails(), ["hi\r\n"; 3]);
}

#[tokio::test]
async fn an_empty_mail() {
    let double = Double::default();
    let got = codes(&double, format!("{MAIL}DATA\r\n.\r\nNOOP\r\n")).await;
    assert_eq!(got, [220, 250, 250, 250, 354, 250, 250]);
    assert_eq!(double.mails(), [""]);
}

#[tokio::test]
async fn each_command_has_its_answer() {
    for (client, expected) in [
        ("NOOP\r\nNOOP a b\r\nRSET\r\nHELP\r\nVRFY ann\r\n", vec![250, 250, 250, 214, 252]),
        ("EXPN list\r\nETRN x\r\nLHLO x\r\n", vec![502, 502, 502]),
        ("STARTTLS\r\nAUTH PLAIN AGEAYg==\r\nAUTH LOGIN\r\n", vec![502, 502, 502]),
        ("NOTHING\r\n\r\n \r\nMAIL\r\n", vec![500, 500, 500, 501]),
        ("MAIL FROM:<a@shop.example>\r\n", vec![503]),
        (
            "EHLO\r\nEHLO x\r\nMAIL FROM:<a@shop.example>\r\nMAIL FROM:<a@shop.example>\r\n",
            vec![501, 250, 250, 503],
        ),
        ("EHLO x\r\nRCPT TO:<news@x.example>\r\nDATA\r\n", vec![250, 503, 503]),
        ("EHLO x\r\nMAIL FROM:<a@shop.example>\r\nDATA\r\n", vec![250, 250, 503]),
        (
            "EHLO x\r\nMAIL FROM:a@shop.example\r\nMAIL FROM:<a b>\r\nMAIL FROM:<a@b@c>\r\n",
            vec![250, 501, 501, 501],
        ),
        ("EHLO x\r\nMAIL FROM:<a@shop.example> SIZE=2001\r\n", vec![250, 552]),
        ("EHLO x\r\nMAIL FROM:<a@shop.example> SIZE=99999999999\r\n", vec![250, 552]),
        ("EHLO x\r\nMAIL FROM:<a@shop.example> BODY=BINARYMIME\r\n", vec![250, 555]),
        ("EHLO x\r\nMAIL FROM:<a@shop.example> WHATEVER=1\r\n", vec![250, 555]),
        (
            "EHLO x\r\nMAIL FROM:<\u{e9}@shop.example>\r\nMAIL FROM:<\u{e9}@shop.example> SMTPUTF8\r\n",
            vec![250, 553, 250],
        ),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<news@x.example>\r\n", vec![250, 250, 550]),
        (
            "EHLO x\r\nMAIL FROM:<a@else.example>\r\nRCPT TO:<news@x.example>\r\n",
            vec![250, 250, 550],
        ),
        (
            "EHLO x\r\nMAIL FROM:<a@shop.example>\r\nRCPT TO:<nobody@x.example>\r\nRCPT TO:<postmaster>\r\n\
             RCPT TO:<news@x.example>\r\nRSET\r\nDATA\r\n",
            vec![250, 250, 550, 550, 250, 250, 503],
        ),
        (
            "EHLO x\r\nMAIL FROM:<a@shop.example> SIZE=500\r\nRCPT TO:<small@x.example>\r\nRCPT TO:<news@x.example>\r\n",
            vec![250, 250, 552, 250],
        ),
    ] {
        let got = codes(&Double::default(), client).await;
        assert_eq!(got[0], 220);
        assert_eq!(got[1..], expected, "{client:?}");
    }
}

#[tokio::test]
async fn who_may_not_send_does_not_learn_which_mailboxes_there_are() {
    let client = "EHLO x\r\nMAIL FROM:<a@else.example>\r\nRCPT TO:<news@x.example>\r\nRCPT TO:<no@x.example>\r\n";
    let (lines, _) = said(&Double::default(), client).await;
    let [.., one, other] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(one, other);
}

#[tokio::test]
async fn what_is_not_kept_is_not_said_to_be() {
    for (to, code) in [("full", 452), ("odd", 554), ("later", 451)] {
        let client = MAIL.replace("news", to) + "DATA\r\nhi\r\n.\r\nNOOP\r\n";
        assert_eq!(codes(&Double::default(), client).await[4..], [354, code, 250]);
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let double = Double::default();
    // The smallest limit of all that it is for.
    let client = |bytes: usize| {
        let line = "x".repeat(bytes - 2);
        format!("{MAIL}RCPT TO:<small@x.example>\r\nDATA\r\n{line}\r\n.\r\nNOOP\r\n")
    };
    assert_eq!(codes(&double, client(101)).await[6..], [552, 250]);
    assert_eq!(double.mails().len(), 0);
    assert_eq!(codes(&double, client(100)).await[6..], [250, 250]);
    assert_eq!(double.mails().len(), 1);
    // Who goes on and on is not listened to.
    let flood = format!("{MAIL}DATA\r\n{}", "x".repeat(2 << 20));
    let (lines, ended) = said(&double, flood).await;
    assert!(lines.last().unwrap().starts_with("421 4.3.4"), "{lines:?}");
    assert_eq!(ended, Ended::TooMany);
}

#[tokio::test]
async fn lines_have_a_length() {
    let long = format!("NOOP {}\r\nNOOP {}\r\nNOOP\r\n", "x".repeat(2_041), "x".repeat(100_000));
    assert_eq!(codes(&Double::default(), long).await, [220, 250, 500, 250]);
    let just = format!("NOOP {}\r\n", "x".repeat(2_042));
    assert_eq!(codes(&Double::default(), just).await, [220, 500]);
}

#[tokio::test]
async fn who_says_too_much_nonsense_is_left() {
    let (lines, ended) = said(&Double::default(), "WHAT\r\n".repeat(50)).await;
    assert_eq!(lines.len(), 12);
    assert!(lines[11].starts_with("421 4.7.0"), "{lines:?}");
    assert_eq!(ended, Ended::TooMany);
    let guesses = "EHLO x\r\nMAIL FROM:<a@shop.example>\r\n".to_owned()
        + &"RCPT TO:<guess@x.example>\r\n".repeat(50);
    assert_eq!(said(&Double::default(), guesses).await.1, Ended::TooMany);
    let many = "RCPT TO:<news@x.example>\r\n".repeat(105);
    let many = format!("{MAIL}{many}");
    let got = codes(&Double::default(), many).await;
    assert_eq!(got.iter().filter(|code| **code == 452).count(), 6, "100 are the most");
}

#[tokio::test]
async fn chunks_are_no_requests() {
    let double = Double::default();
    let hidden = "MAIL FROM:<ann@shop.example>\r\n";
    let client = format!("EHLO x\r\nBDAT {} LAST\r\n{hidden}NOOP\r\n", hidden.len());
    assert_eq!(codes(&double, client).await, [220, 250, 502, 250]);
    let (_, ended) = said(&double, "EHLO x\r\nBDAT 99999999\r\n").await;
    assert_eq!(ended, Ended::TooMany);
    let (_, ended) = said(&double, "EHLO x\r\nBDAT 18446744073709551615\r\nBDAT 100\r\nx").await;
    assert_ne!(ended, Ended::Quit);
}

#[tokio::test]
async fn garbage_is_answered() {
    let pieces: [&[u8]; 24] = [
        b"EHLO x",
        b"MAIL FROM:<a@shop.example>",
        b"RCPT TO:<news@x.example>",
        b"DATA",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"..",
        b"\0",
        b"\xff\xfe",
        b"<",
        b">",
        b"@",
        b"\"",
        b"\\",
        b" SIZE=",
        b"BDAT 3",
        b"AUTH ",
        b"=",
        b"+",
        b"\t",
        b"9999999999999999999999",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..3_000 {
        let client: Vec<u8> = (0..random.usize(..60))
            .flat_map(|_| pieces[random.usize(..pieces.len())])
            .copied()
            .collect();
        let (lines, _) = said(&Double::default(), &client).await;
        for line in lines {
            let code: u16 = line[..3].parse().unwrap();
            assert!(
                (214..560).contains(&code),
                "{line:?} to {:?}",
                String::from_utf8_lossy(&client)
            );
        }
    }
}

/// A client, and the session that it talks to.
fn opened() -> (Client, tokio::task::JoinHandle<Ended>, watch::Sender<bool>) {
    let (near, far) = duplex(1 << 16);
    let (tell, stopping) = watch::channel(false);
    let talk = tokio::spawn(async move {
        let double = Double::default();
        session().talk(far, &double, stopping).await
    });
    (Client(near), talk, tell)
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_left() {
    let (mut client, talk, _tell) = opened();
    client.hears().await;
    // A line has its time, however it comes in.
    for byte in b"NOOP NOOP NOOP NOOP NOOP" {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if client.0.write_u8(*byte).await.is_err() {
            break;
        }
    }
    assert!(client.hears().await.starts_with("421 4.4.2"));
    assert_eq!(talk.await.unwrap(), Ended::Slow);

    let (mut client, talk, _tell) = opened();
    client.hears().await;
    for line in MAIL.lines() {
        client.asks(line).await;
    }
    assert!(client.asks("DATA").await.starts_with("354"));
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if client.0.write_all(b"x\r\n").await.is_err() {
            break;
        }
    }
    assert!(client.hears().await.starts_with("421 4.4.2"));
    assert_eq!(talk.await.unwrap(), Ended::Slow);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_listen_is_left() {
    let (near, far) = duplex(64);
    let (_tell, stopping) = watch::channel(false);
    let talk = tokio::spawn(async move {
        let double = Double::default();
        session().talk(far, &double, stopping).await
    });
    let mut client = Client(near);
    client.hears().await;
    let _ = client.0.write_all(b"EHLO x\r\n").await;
    assert_eq!(talk.await.unwrap(), Ended::Slow, "the answer is longer than what is taken in");
    drop(client);
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let (mut client, talk, tell) = opened();
    client.hears().await;
    assert!(client.asks("NOOP").await.starts_with("250"));
    tell.send(true).unwrap();
    assert!(client.hears().await.starts_with("421 4.3.2"));
    assert_eq!(talk.await.unwrap(), Ended::Stopping);
    // Within a mail it waits for its end.
    let (mut client, talk, tell) = opened();
    client.hears().await;
    for line in MAIL.lines() {
        client.asks(line).await;
    }
    client.asks("DATA").await;
    tell.send(true).unwrap();
    assert!(client.asks("hi\r\n.").await.starts_with("250 2.0.0 stored"));
    assert!(client.hears().await.starts_with("421"));
    assert_eq!(talk.await.unwrap(), Ended::Stopping);
}
