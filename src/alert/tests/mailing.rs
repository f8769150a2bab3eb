//! E-mail to a mail server that speaks SMTP over TLS, from the start or after STARTTLS.

use serde_json::json;

use super::{Post, alert, sink};
use crate::api::vendor_contract::AlertSink;
use crate::evidence::MessageKind;
use crate::mail_server::MailServer;

fn mailbox(scheme: &str, server: &MailServer) -> AlertSink {
    let login = |key: &str| json!({"name": "mail", "key": key});
    let email = json!({
        "server": format!("{scheme}://localhost:{}", server.port), "from": "sla@client.example",
        "usernameSecretRef": login("user"), "passwordSecretRef": login("password"),
    });
    sink("mail", json!({"email": email}))
}

fn post(server: &MailServer) -> Post {
    let post = Post { authority: Some(server.authority.clone()), ..Post::new() };
    let hosts = format!("localhost:{}", server.port);
    post.secrets.put("care", "mail", &hosts, &[("user", "operator"), ("password", "canary-password")]);
    post
}

#[tokio::test]
async fn a_mail_arrives_over_tls_and_no_text_makes_a_header_of_itself() {
    for (scheme, starts_plain) in [("smtps", false), ("smtp", true)] {
        let server = MailServer::start(starts_plain, true).await;
        let post = post(&server);
        let sink = mailbox(scheme, &server);
        let evil = "speed: missed\r\nBcc: evil@x.example\r\n\r\nClick here \u{202e}";
        post.write(&sink, MessageKind::Fired, "a", alert(evil)).await;
        let _running = post.run(vec![sink]);
        post.settled().await;
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{scheme}");
        assert_eq!(mails[0].login.trim(), "operator canary-password");
        assert_eq!(mails[0].recipients, ["TO:<sam@client.example>"]);
        let (head, body) = mails[0].text.split_once("\r\n\r\n").unwrap();
        let names: Vec<String> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap().to_lowercase())
            .collect();
        assert!(names.contains(&"message-id".to_owned()) && !names.contains(&"bcc".to_owned()), "{head}");
        assert!(!body.contains("\r\nClick"), "{body}");
        assert!(!mails[0].text.contains('\u{202e}'));
        let clear = server.in_the_clear.lock().unwrap().join(" ");
        assert_eq!(clear, if starts_plain { "EHLO STARTTLS" } else { "" });
    }
}

#[tokio::test]
async fn neither_mail_nor_login_goes_to_a_server_without_tls_or_with_a_certificate_that_nobody_vouches_for() {
    let without = MailServer::start(true, false).await;
    let unknown = MailServer::start(false, true).await;
    let mut distrusting = post(&unknown);
    distrusting.authority = None;
    for (scheme, server, post) in [("smtp", &without, post(&without)), ("smtps", &unknown, distrusting)] {
        let sink = mailbox(scheme, server);
        post.write(&sink, MessageKind::Fired, "a", alert("x")).await;
        let running = post.run(vec![sink.clone()]);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let failure = loop {
            if let [status] = running.dispatcher.status_of("uid-1", std::slice::from_ref(&sink)).as_slice() {
                break status.failure.clone().unwrap();
            }
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        assert!(!failure.contains("canary"), "{failure}");
        assert!(server.mails().is_empty(), "{failure}");
        assert!(!server.in_the_clear.lock().unwrap().contains(&"AUTH".to_owned()));
    }
}
