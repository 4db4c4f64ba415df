//! What mails say.

use crate::mailbox::mime::{File, Mail, MimeError, file_name, media_type, read};

fn mail(text: &str) -> Mail {
    read(text.replace('\n', "\r\n").as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn wrong(text: &str) -> MimeError {
    read(text.replace('\n', "\r\n").as_bytes()).unwrap_err()
}

#[test]
fn a_plain_mail() {
    let mail =
        mail("From: Ann <ann@shop.example>\nSubject: =?UTF-8?B?5L2g5aW9?= there\n\nOne\nTwo\n\n");
    assert_eq!(mail.from, ["ann@shop.example"]);
    assert_eq!(mail.subject, "你好 there");
    assert_eq!(mail.text, "One\nTwo");
    assert_eq!(mail.files, []);
}

#[test]
fn encodings_and_charsets() {
    for (head, body, text) in [
        ("Content-Transfer-Encoding: quoted-printable", "caf=C3=A9 a=\nb", "café ab"),
        ("Content-Transfer-Encoding: BASE64", "5L2g\n5aW9\n", "你好"),
        (
            "Content-Type: text/plain; charset=gb18030\nContent-Transfer-Encoding: base64",
            "xOO6ww==",
            "你好",
        ),
        (
            "Content-Type: text/plain; charset=\"Big5\"\nContent-Transfer-Encoding: base64",
            "p0Gmbg==",
            "你好",
        ),
        (
            "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable",
            "=E9",
            "é",
        ),
        ("Content-Type: text/plain; charset=utf-8", "é", "é"),
        ("Content-Type: text/plain; charset=nonsense", "é", "é"),
        ("Content-Type: TEXT/HTML", "<p>a &amp; b</p><p>c", "a & b\n\nc"),
        ("X: y", "a\u{0}\u{1b}b\tc", "ab\tc"),
    ] {
        let mail = mail(&format!("From: a@b.c\n{head}\n\n{body}"));
        assert_eq!(mail.text, text, "{head}");
    }
    assert_eq!(wrong("From: a@b.c\nContent-Transfer-Encoding: base64\n\n§§§"), MimeError::Encoding);
    assert_eq!(
        wrong("From: a@b.c\nContent-Transfer-Encoding: quoted-printable\n\n=XY"),
        MimeError::Encoding
    );
}

const MIXED: &str = "\
From: a@b.c
Content-Type: multipart/mixed; boundary=\"out er\"

This is not shown.
--out er
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain

The plain one.
--in
Content-Type: text/html

<b>The other one.</b>
--in--
not shown
--out er
Content-Type: application/pdf; name=\"../../etc/price list.pdf\"
Content-Transfer-Encoding: base64
Content-Disposition: attachment

JVBERg==

--out er
Content-Type: text/csv
Content-Disposition: attachment; filename*=UTF-8''%E4%BB%B7%E6%A0%BC.csv

a,b
--out er
Content-Type: message/rfc822

Subject: within

--in
--out er
Content-Type: text/plain

And more.
--out er--
not shown
";

#[test]
fn texts_and_files() {
    let mail = mail(MIXED);
    assert_eq!(mail.text, "The plain one.\n\nAnd more.");
    let file = |name: &str, media_type: &str, bytes: &[u8]| File {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        bytes: bytes.to_vec(),
    };
    assert_eq!(
        mail.files,
        [
            file("price list.pdf", "application/pdf", b"%PDF"),
            file("价格.csv", "text/csv", b"a,b"),
            file("attachment-1.eml", "message/rfc822", b"Subject: within\r\n\r\n--in"),
        ]
    );
    // With bare line feeds, as an upload may have them, it says the same.
    let bare = read(MIXED.as_bytes()).unwrap();
    assert_eq!((&bare.text, bare.files.len()), (&mail.text, 3));
    assert_eq!(bare.files[0], mail.files[0]);
}

#[test]
fn html_stands_in_for_a_text_that_is_missing() {
    let alternative = MIXED.replace("The plain one.", " ");
    assert_eq!(mail(&alternative).text, "The other one.\n\nAnd more.");
    let cut = MIXED.split_once("<b>").unwrap().0;
    assert_eq!(mail(cut).text, "The plain one.");
    let no_boundary = "From: a@b.c\nContent-Type: multipart/mixed\n\n--x\n\nall of it";
    assert_eq!(mail(no_boundary).text, "--x\n\nall of it");
}

#[test]
fn a_sender_is_named_once() {
    for text in [
        "Subject: x\n\nhi",
        "",
        "\n\nhi",
        "From: a@b.c\nFrom: d@e.f\n\nhi",
        "From:\n\nhi",
        "From: Ann\n\nhi",
    ] {
        assert_eq!(wrong(text), MimeError::From, "{text:?}");
    }
    let two = mail("FROM: Ann <a@b.c>, d@e.f\n\nhi");
    assert_eq!(two.from, ["a@b.c", "d@e.f"]);
}

#[test]
fn nothing_is_too_much() {
    let deep = |levels: usize| {
        let mut text = "From: a@b.c\n".to_owned();
        for n in 0..levels {
            text += &format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
        }
        text + "\nhi"
    };
    assert_eq!(mail(&deep(8)).text, "hi");
    assert_eq!(wrong(&deep(9)), MimeError::Deep);
    assert_eq!(wrong(&deep(20_000)), MimeError::Deep);
    let wide = |parts: usize| {
        "From: a@b.c\nContent-Type: multipart/mixed; boundary=b\n\n".to_owned()
            + &"--b\n\nx\n".repeat(parts)
    };
    assert_eq!(mail(&wide(99)).text.matches('x').count(), 99);
    assert_eq!(wrong(&wide(100)), MimeError::Many);
    assert_eq!(wrong(&wide(200_000)), MimeError::Many);
    let head = |lines: usize| "From: a@b.c\n".to_owned() + &"A:\n".repeat(lines) + "\nhi";
    assert_eq!(mail(&head(10_000)).text, "hi");
    assert_eq!(wrong(&head(30_000)), MimeError::Head);
    // Mails within mails stay what they are.
    let nested = "From: a@b.c\n".to_owned() + &"Content-Type: message/rfc822\n\n".repeat(50_000);
    assert_eq!(mail(&nested).files.len(), 1);
}

#[test]
fn garbage_is_some_mail_or_none() {
    let pieces: [&[u8]; 22] = [
        b"From: a@b.c\r\n",
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Type: text/html; charset=",
        b"b",
        b"\r\n",
        b"\r\n\r\n",
        b"--b",
        b"--",
        b"\"",
        b";",
        b"=?utf-8?q?=",
        b"?=",
        b"=",
        b"Subject: ",
        b"\xff",
        b"\0",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename=",
        b"*0*=utf-16''%",
        b"<a",
        b"(",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.usize(..40))
            .flat_map(|_| pieces[random.usize(..pieces.len())])
            .copied()
            .collect();
        if let Ok(mail) = read(&bytes) {
            assert!(!mail.from.is_empty());
            let plain = |text: &str| !text.chars().any(char::is_control);
            assert!(plain(&mail.subject));
            assert!(mail.files.iter().all(|file| plain(&file.name) && !file.name.is_empty()));
        }
    }
}

#[test]
fn names_and_types() {
    for (name, kept) in [
        ("a.pdf", Some("a.pdf")),
        ("C:\\x\\a b.pdf", Some("a b.pdf")),
        ("../..", None),
        ("  ", None),
        ("a\r\nb\u{0}", Some("a b")),
        ("gpj\u{202e}.exe", Some("gpj.exe")),
        (".htaccess", Some("htaccess")),
    ] {
        assert_eq!(file_name(name).as_deref(), kept, "{name:?}");
    }
    assert_eq!(file_name(&"é".repeat(500)).unwrap().chars().count(), 200);
    for (text, kept) in [
        ("Image/PNG; x=y", "image/png"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
        ("image", "application/octet-stream"),
        ("a/b c", "application/octet-stream"),
        ("a/b\r\nx: y", "application/octet-stream"),
        ("", "application/octet-stream"),
    ] {
        assert_eq!(media_type(text), kept, "{text:?}");
    }
}
