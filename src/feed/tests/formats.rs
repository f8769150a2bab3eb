//! Feeds in the vendors' own formats, from their bytes on the wire to rows.

use super::fetching::{body, client, feed, source_for, try_fetch};
use super::server::{Reply, Server, gzip};
use crate::outbound::error::FailureKind;

const CSV: &str = r#","format":{"csv":{"delimiter":";","decimalComma":true,"timeZone":"Europe/London",
    "start":{"columns":["Day","Time"],"format":"%d.%m.%Y %H:%M"},
    "labels":[{"name":"queue","column":"Queue"}],
    "measures":[{"name":"offered","column":"Calls"},{"name":"answered","column":"Answered"},
      {"name":"answeredWithin","column":"SL","unit":"PercentText","of":"answered"}],
    "skipRows":[{"column":"Queue","equals":"Total"}]}}"#;
const JSON: &str = r#","format":{"json":{"rows":"$.data[*]","start":"$.at",
    "measures":[{"name":"offered","path":"$.calls.in"}]}},
    "pagination":{"cursor":{"path":"$.paging.next","parameter":"after"}}"#;

fn csv(rows: &str) -> Reply {
    let text = format!("Day;Time;Queue;Calls;Answered;SL\r\n{rows}05.01.2026;00:00;Total;9.999;9.999;1 %\r\n");
    let headers = [("Content-Type", "text/csv; charset=utf-8"), ("Content-Encoding", "gzip")];
    Reply::answer("200 OK", &headers, gzip(text.as_bytes()))
}

#[tokio::test]
async fn a_csv_export_in_pages_becomes_rows() {
    let server = Server::start(|asked| match asked.target.contains("page=1") {
        true => csv("05.01.2026;09:00;billing;1.097;1.044;94,01 %\r\n"),
        false if asked.target.contains("page=2") => csv("05.01.2026;09:30;billing;80;;-\r\n"),
        false => csv(""),
    })
    .await;
    let extra = format!(r#"{CSV},"pagination":{{"pageNumber":{{"parameter":"page"}}}}"#);
    let body = body(&client(), &feed(&server.url("/v1"), &extra), &source_for(&server)).await;
    let rows: Vec<String> = body
        .rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {:?}",
                row.start,
                row.end,
                row.labels["queue"],
                row.measures.values().map(ToString::to_string).collect::<Vec<_>>()
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            r#"2026-01-05T09:00:00Z 2026-01-05T09:30:00Z billing ["1044", "981.4644", "1097"]"#,
            r#"2026-01-05T09:30:00Z 2026-01-05T10:00:00Z billing ["80"]"#,
        ]
    );
    assert_eq!((body.pages, body.rejected.len()), (3, 0));
    assert!(server.asked()[0].header("accept").unwrap().starts_with("text/csv"));
}

#[tokio::test]
async fn json_of_another_shape_is_followed_by_its_own_cursor() {
    let server = Server::start(|asked| match asked.target.contains("after=p2") {
        false => Reply::json(r#"{"data":[{"at":"2026-01-05T09:00:00Z","calls":{"in":97}}],"paging":{"next":"p2"}}"#),
        true => {
            Reply::json(r#"{"data":[{"at":1767605400,"calls":{"in":12.5}},{"at":"?","calls":{"in":1}}],"paging":{}}"#)
        }
    })
    .await;
    let body = body(&client(), &feed(&server.url("/v1"), JSON), &source_for(&server)).await;
    let rows: Vec<String> = body.rows.iter().map(|row| format!("{} {}", row.start, row.measures["offered"])).collect();
    assert_eq!(rows, ["2026-01-05T09:00:00Z 97", "2026-01-05T09:30:00Z 12.5"]);
    assert_eq!((body.pages, body.rejected.len()), (2, 1));
}

#[tokio::test]
async fn an_answer_that_the_mapping_does_not_fit_has_a_reason_and_no_row() {
    for (extra, reply, kind) in [
        (
            CSV,
            Reply::answer("200 OK", &[("Content-Type", "text/html")], "<html>Sign in</html>"),
            FailureKind::Malformed,
        ),
        (
            CSV,
            Reply::answer("200 OK", &[("Content-Type", "text/csv")], "Date,Calls\n2026-01-05,7\n"),
            FailureKind::Mapping,
        ),
        (CSV, Reply::answer("200 OK", &[("Content-Type", "text/csv")], ""), FailureKind::Malformed),
        (CSV, Reply::json(r#"{"error":"no such report"}"#), FailureKind::Malformed),
        (JSON, Reply::json(r#"{"error":"no such report"}"#), FailureKind::Mapping),
        (JSON, Reply::json(r#"{"data":[{"when":1}]}"#), FailureKind::Mapping),
        (JSON, Reply::answer("200 OK", &[("Content-Type", "text/csv")], "at,calls\n"), FailureKind::Malformed),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let error = try_fetch(&client(), &feed(&server.url("/v1"), extra), &source_for(&server)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.message);
    }
}

#[tokio::test]
async fn what_is_wrong_is_read_from_answers_with_error_statuses_too() {
    let fault = "<Envelope><Body><Fault><faultstring>no such report</faultstring></Fault></Body></Envelope>";
    for (path, status, body, kind, said) in [
        ("$.message", "404 Not Found", r#"{"message":"no such queue"}"#, FailureKind::Status, Some("no such queue")),
        ("$.message", "403 Forbidden", r#"{"message":"no scope"}"#, FailureKind::Auth, Some("no scope")),
        ("$.Envelope.Body.Fault", "500 Internal Server Error", fault, FailureKind::Status, Some("no such report")),
        ("$.message", "500 Internal Server Error", "<html>", FailureKind::Status, None),
        ("$.message", "500 Internal Server Error", r#"{"other":1}"#, FailureKind::Status, None),
    ] {
        let server = Server::start(move |_| Reply::answer(status, &[], body)).await;
        let extra = format!(r#"{JSON},"failWhen":{{"path":"{path}"}}"#);
        let error = try_fetch(&client(), &feed(&server.url("/v1"), &extra), &source_for(&server)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        let code = &status[..3];
        assert!(error.message.starts_with(&format!("status {code}")), "{error}");
        assert_eq!(error.message.contains("; the answer carries an error"), said.is_some(), "{error}");
        assert!(said.is_none_or(|said| error.message.contains(said)), "{error}");
    }
}

#[tokio::test]
async fn pages_of_xml_are_followed_by_a_cursor_in_them_and_a_csv_is_read_from_inside_of_it() {
    let server = Server::start(|asked| match asked.target.contains("cursor=b") {
        false => Reply::answer("200 OK", &[], "<p><next>b</next><row at=\"2026-01-05T09:00:00Z\"><n>7</n></row></p>"),
        true => Reply::answer("200 OK", &[], "<p><row at=\"2026-01-05T09:30:00Z\"><n>8</n></row></p>"),
    })
    .await;
    let xml = r#","format":{"xml":{"rows":"$.p.row[*]","start":"$['@at']","measures":[{"name":"offered","path":"$.n"}]}},
        "pagination":{"cursor":{"path":"$.p.next","parameter":"cursor"}}"#;
    let found = body(&client(), &feed(&server.url("/v1"), xml), &source_for(&server)).await;
    assert_eq!((found.rows.len(), found.pages), (2, 2));
    let server = Server::start(|_| {
        Reply::answer("200 OK", &[("Content-Type", "text/xml")], "<a><csv>At,N&#10;2026-01-05 09:00,7</csv></a>")
    })
    .await;
    let csv = r#","format":{"csv":{"text":"$.a.csv","start":{"columns":["At"],"format":"%Y-%m-%d %H:%M"},"measures":[{"name":"offered","column":"N"}]}}"#;
    assert_eq!(body(&client(), &feed(&server.url("/v1"), csv), &source_for(&server)).await.rows.len(), 1);
}
