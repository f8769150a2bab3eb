//! Bundles: what they prove, and what is found in one that was changed.

use serde_json::json;

use super::support::{Backend, Fixture, body, feed, minute, on_both_stores, row};
use crate::evidence::EvidenceStore;
use crate::evidence::bundle::{Bundle, read_bundle, write_bundle};

on_both_stores!(
    a_bundle_is_checked_without_the_store_and_holds_its_rows,
    a_bundle_is_the_same_bytes_each_time,
    a_bundle_carries_the_facts_of_its_contract_alone,
);

async fn written(store: &dyn EvidenceStore) -> Vec<u8> {
    store.commit(feed("acd"), body(100, vec![row(0, 11), row(30, 22), row(60, 33)])).await.unwrap();
    store.commit(feed("acd"), body(130, vec![row(30, 44), row(90, 55)])).await.unwrap();
    store.commit(feed("qa"), body(130, vec![row(0, 66)])).await.unwrap();
    exported(store).await
}

async fn exported(store: &dyn EvidenceStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_bundle(store, &feed("acd"), (minute(30), minute(60)), &mut bytes).await.unwrap();
    bytes
}

async fn a_bundle_is_checked_without_the_store_and_holds_its_rows(backend: Backend) {
    let fixture = Fixture::new(backend);
    let bytes = written(&*fixture.store).await;
    let bundle = read_bundle(&*bytes).unwrap();
    assert!(bundle.report.whole(), "{:?}", bundle.report.broken);
    assert_eq!((bundle.report.feeds, bundle.report.rows), (2, 6));
    for name in ["acd", "qa"] {
        assert_eq!(bundle.rows[name], fixture.store.rows("uid-1", name, 0).await.unwrap());
        let head = fixture.store.heads("uid-1").await.unwrap()[name];
        assert_eq!(bundle.digests[name].last(), Some(&head.digest));
    }
    let text = String::from_utf8(bytes).unwrap();
    let in_words = text.lines().filter(|line| line.contains("\"row\":")).count();
    assert_eq!(in_words, 2, "only the rows of the span are written out, each revision: {text}");
    assert_eq!(text.lines().filter(|line| line.contains("\"body\":{\"receivedAt\"")).count(), 3);
}

async fn a_bundle_is_the_same_bytes_each_time(backend: Backend) {
    let fixture = Fixture::new(backend);
    let bytes = written(&*fixture.store).await;
    assert_eq!(exported(&*fixture.store).await, bytes);
    // The other store writes the same bytes for the same commits.
    let other = Fixture::new(if backend == Backend::Sqlite { Backend::Postgres } else { Backend::Sqlite });
    assert_eq!(written(&*other.store).await, bytes);
}

async fn a_bundle_carries_the_facts_of_its_contract_alone(backend: Backend) {
    let fixture = Fixture::new(backend);
    for (uid, kind, name) in [("uid-1", "ReliefSeen", "cut"), ("uid-2", "ReliefSeen", "other"), ("uid-1", "Later", "x")]
    {
        fixture.store.record_fact(uid.into(), kind.into(), name.into(), json!({}), minute(3)).await.unwrap();
    }
    let bytes = written(&*fixture.store).await;
    let bundle = read_bundle(&*bytes).unwrap();
    assert!(bundle.report.whole(), "{:?}", bundle.report.broken);
    assert_eq!(bundle.facts, fixture.store.all_facts("uid-1").await.unwrap());
    assert_eq!(bundle.facts.len(), 2);
    // What an earlier version wrote has no facts and another first line.
    let old = String::from_utf8(bytes).unwrap();
    let old: Vec<String> = old.lines().filter(|line| !line.contains("\"fact\":")).map(str::to_owned).collect();
    let old: Vec<String> = old.iter().map(|line| line.replace("bundle/v2", "bundle/v1")).collect();
    let found = read(&old[..old.len() - 1]);
    assert!(found.facts.is_empty() && found.rows == bundle.rows);
    assert!(found.report.broken.iter().all(|broken| broken.what.contains("last line")), "{:?}", found.report.broken);
}

fn read(lines: &[String]) -> Bundle {
    read_bundle((lines.join("\n") + "\n").as_bytes()).unwrap()
}

#[tokio::test]
async fn each_change_of_a_bundle_is_found() {
    let fixture = Fixture::new(Backend::Sqlite);
    let text = String::from_utf8(written(&*fixture.store).await).unwrap();
    let whole: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(read(&whole).report.whole());
    let place = |part: &str| whole.iter().position(|line| line.contains(part)).unwrap();
    let (third, last) = (place("\"feed\":\"acd\",\"sequence\":3,\"kind\":4"), whole.len() - 1);
    type Change<'a> = Box<dyn Fn(&mut Vec<String>) + 'a>;
    let cases: [(&str, Change<'_>, &str); 8] = [
        ("a cut tail", Box::new(|lines| lines.truncate(last)), "is cut"),
        ("a cut tail with a new last line", Box::new(|lines| drop(lines.remove(last - 1))), "another number of lines"),
        ("a deleted row", Box::new(|lines| drop(lines.remove(third))), "row 3 is expected here"),
        ("a swap", Box::new(|lines| lines.swap(third, third - 1)), "is expected here"),
        (
            "another value in words",
            Box::new(|lines| {
                let place = lines.iter().position(|line| line.contains("\"offered\":\"22\"")).unwrap();
                lines[place] = lines[place].replace("\"offered\":\"22\"", "\"offered\":\"23\"");
            }),
            "words differ",
        ),
        ("another contract", Box::new(|lines| lines[0] = lines[0].replace("uid-1", "uid-2")), "does not follow"),
        ("a strange line", Box::new(|lines| lines.insert(1, "{\"x\":1}".to_owned())), "none of a bundle"),
        ("a line after the last", Box::new(|lines| lines.push(lines[1].clone())), "follows the last line"),
    ];
    for (name, change, expected) in cases {
        let mut lines = whole.clone();
        change(&mut lines);
        let broken = read(&lines).report.broken;
        assert!(broken.iter().any(|broken| broken.what.contains(expected)), "{name}: {broken:?}");
    }
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_a_bundle_is_found() {
    let fixture = Fixture::new(Backend::Sqlite);
    let whole = written(&*fixture.store).await;
    for bit in (0..whole.len() * 8).step_by(5) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!read_bundle(&*bytes).unwrap().report.whole(), "bit {bit} of byte {}", bit / 8);
    }
}
