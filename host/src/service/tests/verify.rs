//! Whether a log is what was written: every way to alter one is found.

use super::stand::{HOUR, Stand, acme, at, strategy};
use crate::service::chain::{hex, lines, tombstone};
use crate::service::story::Proof;
use crate::service::words::NewTenant;
use crate::service::{Proving, prove};
use crate::store::{Seq, Store as _};

const SHOP: &[(&str, &str)] = &[("cart", "1h"), ("pay", "2h")];

/// Several chunks, one of them with two lines.
fn stand() -> Stand {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    let both = stand.offers(vec![at("ann", "cart", now), at("bob", "cart", now)]).unwrap();
    stand.settles();
    super::stand::told(both).unwrap();
    stand.waits(HOUR + 1);
    stand.hears(vec![at("ann", "pay", stand.now())]);
    stand
}

fn proof(stand: &Stand, expect: Option<String>) -> Proof {
    let proving = Proving { tenant: Some("acme".to_owned()), expect };
    prove(&*stand.store, &proving, |_, _, _| {}).unwrap().remove(0)
}

/// What is found once the lines of the chunk with two are others.
fn found(alter: impl Fn(Vec<&[u8]>) -> Vec<Vec<u8>>) -> Vec<(Option<u64>, String)> {
    let stand = stand();
    let tenant = stand.lane().id;
    let chunks = stand.store.log(tenant, Seq(0), 100).unwrap();
    let two = chunks.iter().find(|chunk| lines(&chunk.lines).count() == 2).unwrap();
    let altered = alter(lines(&two.lines).collect());
    let text: Vec<u8> =
        altered.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
    stand.store.redact(tenant, &[(two.seq, text)]).unwrap();
    let proof = proof(&stand, None);
    assert_eq!(proof.sound, proof.findings.is_empty());
    let chunk = |of: Option<u64>| of.map(|seq| seq.saturating_sub(two.seq.0));
    proof.findings.into_iter().map(|finding| (chunk(finding.chunk), finding.what)).collect()
}

#[test]
fn a_log_that_is_what_was_written() {
    let stand = stand();
    let all = proof(&stand, None);
    let (seq, head) = stand.store.head(stand.lane().id).unwrap().unwrap();
    assert!(all.sound && all.chunks > 3 && all.lines > all.chunks && all.erased == 0, "{all:?}");
    assert_eq!((all.head, all.last), (Some(hex(&head)), Some(seq.0)));
    assert_eq!(stand.core().verify(&acme()).unwrap().findings, []);
    let mut seen = Vec::new();
    prove(&*stand.store, &Proving::default(), |tenant, at, last| {
        seen.push((tenant.to_owned(), at, last));
    })
    .unwrap();
    assert_eq!(seen.last(), Some(&("acme".to_owned(), seq.0, seq.0)));
}

#[test]
fn c8_whatever_is_done_to_lines_is_found() {
    let owned = |line: &[u8]| line.to_vec();
    let altered = |mut line: Vec<u8>| {
        let at = line.len() - 20;
        line[at] ^= 1;
        line
    };
    assert_eq!(found(|two| two.into_iter().map(owned).collect()), []);
    for findings in [
        found(|two| vec![altered(owned(two[0])), owned(two[1])]),
        found(|two| vec![owned(two[0])]),
        found(|two| vec![owned(two[1]), owned(two[0])]),
        found(|two| vec![owned(two[0]), owned(two[1]), b"{\"user\":\"eve\",\"prev\":0}".to_vec()]),
        found(|_| Vec::new()),
        found(|two| vec![tombstone(b"{}"), owned(two[1])]),
    ] {
        assert_eq!(findings[0].0, Some(0), "{findings:?}");
        assert!(findings[0].1.contains("not those that were recorded"), "{findings:?}");
    }
    // The hash fits, and nobody has erased it.
    let forged = found(|two| vec![tombstone(two[0]), owned(two[1])]);
    assert_eq!(forged.len(), 1, "{forged:?}");
    assert!(forged[0].1.contains("no record of an erasure"), "{forged:?}");
}

#[test]
fn a_head_that_was_noted_is_still_led_to() {
    let mut stand = stand();
    let noted = proof(&stand, None).head.unwrap();
    stand.hears(vec![at("cat", "cart", stand.now())]);
    let later = proof(&stand, Some(noted.clone()));
    assert!(later.sound && later.head.as_ref() != Some(&noted), "{later:?}");
    assert!(proof(&stand, later.head.clone()).sound);
    let other = proof(&stand, Some("0".repeat(63) + "1"));
    assert!(!other.sound && other.findings[0].what.contains("noted earlier"), "{other:?}");
    for wrong in ["", "xyz", &noted[1..]] {
        let proving = Proving { tenant: None, expect: Some(wrong.to_owned()) };
        assert!(prove(&*stand.store, &proving, |_, _, _| {}).is_err(), "{wrong}");
    }
    // The chain begins with the first that retention has left.
    let chunks = stand.store.log(stand.lane().id, Seq(0), 100).unwrap();
    let third = chunks[2].at;
    let retention = crate::store::Retention { log_before: third, messages_before: third };
    while stand.store.prune(&retention).unwrap() {}
    let left = proof(&stand, Some(noted));
    assert!(left.sound && left.chunks < later.chunks, "{left:?}");
}

#[test]
fn tenants_have_chains_of_their_own() {
    let stand = stand();
    stand.core().create_tenant(&NewTenant { name: "zoo".to_owned() }).unwrap();
    let all = prove(&*stand.store, &Proving::default(), |_, _, _| {}).unwrap();
    let names: Vec<_> =
        all.iter().map(|proof| (&*proof.tenant, proof.sound, proof.lines > 0)).collect();
    assert_eq!(names, [("acme", true, true), ("zoo", true, false)]);
    assert_eq!(all[1].head, None);
    let nobody = Proving { tenant: Some("none".to_owned()), expect: None };
    assert!(prove(&*stand.store, &nobody, |_, _, _| {}).is_err());
}
