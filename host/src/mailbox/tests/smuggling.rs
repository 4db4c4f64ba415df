//! No part of a mail is ever taken for another one, whatever somebody on the way takes for the end.

use super::double::{Double, codes, said};

const BEGIN: &str =
    "EHLO x\r\nMAIL FROM:<ann@shop.example>\r\nRCPT TO:<news@x.example>\r\nDATA\r\n";
const HIDDEN: &str =
    "MAIL FROM:<eve@shop.example>\r\nRCPT TO:<news@x.example>\r\nDATA\r\nhidden\r\n";

#[tokio::test]
async fn only_one_end_ends_a_mail() {
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n.\r\r\n",
        "\n\n.\r\n",
        "\r\n\0.\r\n",
        "\r\r\n.\r\r\n",
        "\n.\r\r\n",
        "\r\n.\r\0\n",
        "\r\n. \r\n",
    ] {
        let double = Double::default();
        let client = format!("{BEGIN}shown{end}{HIDDEN}.\r\nNOOP\r\n");
        let got = codes(&double, client).await;
        // One mail, taken or not, and what is hidden in it does nothing.
        assert_eq!(got.len(), 7, "{end:?}: {got:?}");
        assert_eq!((got[4], got[6]), (354, 250), "{end:?}: {got:?}");
        let whole = matches!(end, "\r\n\0.\r\n" | "\r\n. \r\n");
        assert_eq!(got[5], if whole { 250 } else { 554 }, "{end:?}");
        assert_eq!(double.mails().len(), usize::from(whole), "{end:?}");
    }
}

#[tokio::test]
async fn dots_are_only_for_the_way() {
    for (sent, kept) in [
        ("..\r\n", ".\r\n"),
        ("...\r\n", "..\r\n"),
        (".a\r\n", "a\r\n"),
        ("a.\r\n", "a.\r\n"),
        ("a\r\n..\r\n.b\r\n", "a\r\n.\r\nb\r\n"),
        ("\r\n", "\r\n"),
    ] {
        let double = Double::default();
        assert_eq!(codes(&double, format!("{BEGIN}{sent}.\r\n")).await.last(), Some(&250));
        assert_eq!(double.mails(), [kept], "{sent:?}");
    }
}

#[tokio::test]
async fn a_request_ends_with_both() {
    let double = Double::default();
    for client in ["NOOP\n", "NOOP\rNOOP\r\n", "NO\0OP\r\n", "\u{1b}[2J\r\n"] {
        assert_eq!(codes(&double, client).await, [220, 500], "{client:?}");
    }
}

#[tokio::test]
async fn a_mail_that_breaks_off_is_none() {
    let double = Double::default();
    for cut in ["", "hi", "hi\r\n", "hi\r\n.", "hi\r\n.\r"] {
        let (lines, _) = said(&double, format!("{BEGIN}{cut}")).await;
        assert!(lines.last().unwrap().starts_with("354"), "{cut:?}");
    }
    assert!(double.mails().is_empty());
}

/// However the bytes come in, the same is made of them.
#[tokio::test]
async fn pieces_make_no_difference() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let client = format!("{BEGIN}..a\r\n.b\r\n\r\n.\r\nNOOP\r\nQUIT\r\n");
    let expected = said(&Double::default(), &client).await.0;
    for size in 1..20 {
        let double = Double::default();
        let (near, far) = tokio::io::duplex(1 << 16);
        let (_tell, stopping) = tokio::sync::watch::channel(false);
        let (mut hears, mut says) = tokio::io::split(near);
        let session = super::double::session();
        let talk = session.talk(far, &double, stopping);
        let client = async {
            for piece in client.as_bytes().chunks(size) {
                says.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let listen = async {
            let mut all = String::new();
            hears.read_to_string(&mut all).await.unwrap();
            all
        };
        let (_, (), all) = tokio::join!(talk, client, listen);
        assert_eq!(all.split_terminator("\r\n").collect::<Vec<_>>(), expected, "by {size}");
        assert_eq!(double.mails(), [".a\r\nb\r\n\r\n"]);
    }
}
