use std::collections::BTreeMap;

use super::{Choice, Unreadable, cell, chosen, is_one_click, is_undo, named_cell};

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn forms_are_read() {
    for (body, fields) in [
        ("", &[][..]),
        ("&&", &[]),
        ("a=b", &[("a", "b")]),
        ("a=b&a=c&b=", &[("a", "b"), ("a", "c"), ("b", "")]),
        ("a", &[("a", "")]),
        ("=b", &[("", "b")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a+b=c%20d%2Be", &[("a b", "c d+e")]),
        ("%e4%b8%ad=%E6%96%87", &[("中", "文")]),
        ("%26=%3D", &[("&", "=")]),
        ("中=文", &[("中", "文")]),
        ("a=%00", &[("a", "\0")]),
    ] {
        assert_eq!(chosen(body.as_bytes()), Ok(pairs(fields)), "{body}");
    }
}

#[test]
fn what_is_no_form_is_not() {
    let bad: [&[u8]; 9] = [
        b"a=%",
        b"a=%4",
        b"%zz=1",
        b"a=%+1",
        b"a=%-1",
        b"a=%ff",
        b"\xff=1",
        b"a=%e4%b8",
        b"a=%4\xff",
    ];
    for body in bad {
        assert_eq!(chosen(body), Err(Unreadable::Encoding), "{body:?}");
    }
    assert_eq!(chosen(&vec![b'a'; 256 * 1024]).map(|fields| fields.len()), Ok(1));
    assert_eq!(chosen(&vec![b'a'; 256 * 1024 + 1]), Err(Unreadable::TooLong));
    assert_eq!(chosen("a&".repeat(4_000).as_bytes()).map(|fields| fields.len()), Ok(4_000));
    assert_eq!(chosen("a&".repeat(4_001).as_bytes()), Err(Unreadable::TooMany));
    assert!(Unreadable::TooLong.to_string().contains("262144"));
}

#[test]
fn no_bytes_are_too_odd() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..20_000 {
        let body: Vec<u8> =
            (0..random.usize(0..30))
                .map(|_| {
                    if random.bool() { b"%&=+4f-/\r\n"[random.usize(0..10)] } else { random.u8(..) }
                })
                .collect();
        if let Ok(fields) = chosen(&body) {
            let _ = (Choice::of(&fields), is_undo(&fields));
        }
        let _ = is_one_click(&body);
    }
}

#[test]
fn cells_name_any_topic_and_channel() {
    for (topic, channel) in
        [("offers", "email"), ("a/b", "c/d"), ("", ""), ("%2F", "+&="), ("中\0\"<", "é")]
    {
        let cell = cell(topic, channel);
        assert!(cell.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%/".contains(&b)), "{cell}");
        assert_eq!(named_cell(&cell), Some((topic.to_owned(), channel.to_owned())));
    }
    assert_eq!(named_cell("offers"), None);
    assert_eq!(named_cell("a/%f"), None);
}

#[test]
fn choices_are_what_was_asked() {
    let choice = |body: &str| Choice::of(&chosen(body.as_bytes()).unwrap());
    let each = |cells: &[(&str, &str, bool)]| {
        let named = cells.iter().map(|&(t, c, wanted)| ((t.to_owned(), c.to_owned()), wanted));
        Choice::Each(named.collect::<BTreeMap<_, _>>())
    };
    assert_eq!(choice(""), each(&[]));
    assert_eq!(
        choice("asked=a%2Fx&asked=a%2Fy&allowed=a%2Fy&asked=b%2Fx"),
        each(&[("a", "x", false), ("a", "y", true), ("b", "x", false)])
    );
    assert_eq!(choice("allowed=a%2Fy&asked=a%2Fy"), each(&[("a", "y", true)]), "in any order");
    assert_eq!(choice("asked=a%2Fx&allowed=b%2Fx&allowed=nonsense"), each(&[("a", "x", false)]));
    assert_eq!(choice("asked=a%2Fx&allowed=a%2Fx&everything=off"), Choice::Nothing);
    assert_eq!(choice("everything=on"), each(&[]));
}

#[test]
fn mail_programs_unsubscribe_with_one_click() {
    let multipart = "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n\
                     One-Click\r\n--x1--\r\n";
    let typed = "--x\r\ncontent-disposition: form-data; name=List-Unsubscribe\r\n\
                 content-type: text/plain\r\n\r\nOne-Click\r\n--x--";
    for body in ["List-Unsubscribe=One-Click", "a=b&List-Unsubscribe=One%2DClick", multipart, typed]
    {
        assert!(is_one_click(body.as_bytes()), "{body}");
    }
    for body in [
        "",
        "List-Unsubscribe",
        "List-Unsubscribe=",
        "List-Unsubscribe=one-click-not",
        "x=List-Unsubscribe=One-Click",
        "undo=1",
        &multipart.replace("One-Click", "No-Click"),
        &multipart.replace("List-Unsubscribe", "Other"),
        &multipart.replace("\r\n\r\n", "\r\n"),
        &multipart.replacen("--", "", 1),
    ] {
        assert!(!is_one_click(body.as_bytes()), "{body}");
    }
    assert!(!is_one_click(b"--\xff"));
}

#[test]
fn one_takes_it_back() {
    assert!(is_undo(&pairs(&[("undo", "1")])));
    assert!(!is_undo(&pairs(&[("undo", "0"), ("List-Unsubscribe", "One-Click")])));
}
