use super::*;
use crate::feed::tests::workbook::{workbook, zipped};

fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn archives_give_their_files_and_nothing_that_systems_add() {
    let files: [(&str, &[u8]); 4] =
        [("a.csv", b"1,2\n"), ("__MACOSX/._a.csv", b"\0\x05"), ("sub/.DS_Store", b"\0"), ("sub/b.csv", b"3,4\n")];
    assert_eq!(unpacked(Unpack::Zip, &zipped(files)).unwrap(), [b"1,2\n".to_vec(), b"3,4\n".to_vec()]);
    assert_eq!(unpacked(Unpack::Gzip, &gzip(b"1,2\n")).unwrap(), [b"1,2\n".to_vec()]);
}

#[test]
fn a_bomb_in_each_kind_of_archive_is_refused() {
    use FailureKind::{Malformed, TooLarge};
    let zeros = vec![0_u8; 50_000_000];
    // Each file is small, and together they are not.
    let names: Vec<String> = (0..900).map(|number| format!("{number}.csv")).collect();
    let many = zipped(names.iter().map(|name| (name.as_str(), &zeros[..20_000])));
    let names: Vec<String> = (0..1_001).map(|number| format!("{number}.csv")).collect();
    let countless = zipped(names.iter().map(|name| (name.as_str(), b"1".as_slice())));
    let inner = zipped([("a.csv", b"1,2\n".as_slice())]);
    let whole = zipped([("a.csv", "1,2,3,4,5\n".repeat(500).as_bytes())]);
    let cases: [(&str, Unpack, Vec<u8>, FailureKind); 9] = [
        ("a gzip that grows", Unpack::Gzip, gzip(&zeros), TooLarge),
        ("a zip that grows", Unpack::Zip, zipped([("a.csv", zeros.as_slice())]), TooLarge),
        ("many files that grow together", Unpack::Zip, many, TooLarge),
        ("too many files", Unpack::Zip, countless, TooLarge),
        ("a zip in a zip", Unpack::Zip, zipped([("inner.zip", inner.as_slice())]), Malformed),
        ("a gzip in a zip", Unpack::Zip, zipped([("a.csv.gz", gzip(b"1,2\n").as_slice())]), Malformed),
        ("a zip in a gzip", Unpack::Gzip, gzip(&inner), Malformed),
        ("half a zip", Unpack::Zip, whole[..whole.len() / 2].to_vec(), Malformed),
        ("no zip", Unpack::Zip, b"Queue,Offered\n".to_vec(), Malformed),
    ];
    for (what, kind, body, expected) in cases {
        let error = unpacked(kind, &body).unwrap_err();
        assert_eq!(error.kind, expected, "{what}: {}", error.message);
    }
    assert_eq!(unpacked(Unpack::Zip, &zipped([])).unwrap_err().kind, Malformed);
}

#[test]
fn a_workbook_is_inflated_through_the_bounds_before_it_is_read() {
    let huge = format!("<row r=\"1\"><c r=\"A1\"><v>{}</v></c></row>", "1".repeat(50_000_000));
    assert_eq!(check_workbook(&workbook(&[("Data", &huge)])).unwrap_err().kind, FailureKind::TooLarge);
    let laughs = r#"<!DOCTYPE lolz [<!ENTITY lol "lol">]><row r="1"><c r="A1"><v>1</v></c></row>"#;
    let error = check_workbook(&workbook(&[("Data", laughs)])).unwrap_err();
    assert!(error.message.contains("document type"), "{}", error.message);
    // Also where the reader takes it in two pieces.
    for spaces in PIECE - 120..PIECE - 60 {
        let split = format!("{}{laughs}", " ".repeat(spaces));
        assert!(check_workbook(&workbook(&[("Data", &split)])).is_err(), "{spaces}");
    }
    assert_eq!(check_workbook(&workbook(&[("Data", "")])), Ok(()));
}
