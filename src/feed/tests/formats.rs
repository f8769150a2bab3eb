//! Feeds in the vendors' own formats, from their bytes on the wire to rows.

use super::fetching::{body, client, feed, source_for, try_fetch};
use super::server::{Reply, Server, gzip};
use crate::feed::error::FailureKind;

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
async fn an_answer_that_the_mapping_does_not_fit_gives_no_row_and_its_reason() {
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
