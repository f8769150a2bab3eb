//! Samples of platforms that publish files, through the fetcher.

use super::platforms::{Sample, Wrongs, ask_in, check_body, method, must, sample, source};
use super::server::{Reply, Server};

const WORKBOOK: &[u8] = include_bytes!("../../../tests/data/platforms/cisco-uccx/answer.xlsx");

pub(super) fn uccx() -> Sample {
    sample!("cisco-uccx",)
}

#[tokio::test]
async fn cisco_uccx_returns_the_expected_rows_and_none_while_a_workbook_is_missing() {
    for is_there in [true, false] {
        let (sample, wrongs) = (uccx(), Wrongs::default());
        let log = wrongs.clone();
        let server = Server::start(move |asked| {
            let address = "GET /uccx/csq_activity_20260105.xlsx".to_owned();
            must(&log, "address", &format!("{} {}", method(asked), asked.target), &address);
            let basic = Some("Basic Y2FuYXJ5LWlkOmNhbmFyeS1zZWNyZXQ=".to_owned());
            must(&log, "basic", &asked.header("authorization"), &basic);
            if is_there { Reply::answer("200 OK", &[], WORKBOOK) } else { Reply::answer("404 Not Found", &[], "") }
        })
        .await;
        let body = ask_in("America/Chicago", &sample.feed_at(&server), &source(&server), sample.window()).await;
        if is_there {
            check_body(&sample, body, &wrongs);
        } else {
            let body = body.unwrap();
            assert_eq!((body.rows.len(), body.rejected.len(), body.truth.len()), (0, 0, 0));
        }
        assert_eq!(server.asked().len(), 1);
    }
}
