use super::super::address::{address, mailbox};

fn read(text: &str) -> Option<String> {
    address(text).map(|address| address.to_string())
}

#[test]
fn addresses_are_read() {
    for good in [
        "ada@example.com",
        "a.d-a+tag_1@mail.example.co",
        "o'hara!#$%&*/=?^`{|}~@example.com",
        "阿达@example.com",
        "a@xn--r8jz45g.example",
        "0@1.example2",
    ] {
        assert_eq!(read(good).as_deref(), Some(good));
    }
    assert_eq!(read(" ada@example.com\n").as_deref(), Some("ada@example.com"));
    assert_eq!(read("ada@例え.example").as_deref(), Some("ada@xn--r8jz45g.example"));
}

#[test]
fn hostile_ones_are_not() {
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}example.com", "a.".repeat(130));
    let label = format!("a@{}.com", "a".repeat(64));
    for bad in [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@@example.com",
        "ada@example.com@evil.example",
        "ada@example.com,eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com eve@example.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com>",
        "ada@example.com\r\nRCPT TO:<eve@example.com>",
        "ada\r\n@example.com",
        "ada\0@example.com",
        "ada\u{202e}@example.com",
        "a\u{200b}da@example.com",
        "ada@exam\u{ad}ple.com",
        "ada@例\u{2066}え.example",
        "\"ada\"@example.com",
        "\"a b\"@example.com",
        "ada(comment)@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a\\b@example.com",
        "@a.example:b@c.example",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@1.2.3.4",
        "ada@-a.example",
        "ada@a-.example",
        "ada@a..example",
        "ada@example.com.",
        "ada@exa_mple.com",
        "ada@exam%70le.com",
        "ada@example.com:25",
        "ada@example.com/x",
        "ada@例え/x.example",
        &long,
        &longer,
        &label,
    ] {
        assert_eq!(read(bad), None, "{bad:?}");
    }
}

#[test]
fn names_stand_before_addresses() {
    let name = |text| mailbox(text).map(|mailbox| mailbox.name.unwrap_or_default());
    assert_eq!(name("ada@example.com").as_deref(), Some(""));
    assert_eq!(name("<ada@example.com>").as_deref(), Some(""));
    assert_eq!(name(" Ada L. <ada@example.com> ").as_deref(), Some("Ada L."));
    assert_eq!(name("\"Shop, Inc.\" <ada@example.com>").as_deref(), Some("Shop, Inc."));
    assert_eq!(name("商店 <ada@example.com>").as_deref(), Some("商店"));
    let long = format!("{} <ada@example.com>", "n".repeat(129));
    for bad in [
        "Ada <ada@example.com",
        "Ada <ada@example.com>, Eve <eve@example.com>",
        "Ada <ada@example.com> x",
        "A\r\nBcc: eve@example.com <ada@example.com>",
        "A\"B <ada@example.com>",
        "A\\ <ada@example.com>",
        "Ada ada@example.com",
        "<<ada@example.com>>",
        &long,
    ] {
        assert_eq!(name(bad), None, "{bad:?}");
    }
}
