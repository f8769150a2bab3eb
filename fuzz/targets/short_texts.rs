//! Acknowledgements of escalations and addresses of mail servers.
#![no_main]

use bpo_operator::domain::terms::mail_server::MailServer;
use bpo_operator::domain::governance::escalation::Acknowledgement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Acknowledgement::parse(text) {
        Ok(answer) => {
            assert!((1..=253).contains(&answer.by.chars().count()));
            assert!(!answer.by.contains(char::is_control));
            let printed = format!("{} at {}", answer.by, answer.at);
            assert_eq!(Acknowledgement::parse(&printed).as_ref(), Ok(&answer), "{text}");
        }
        Err(message) => assert!(!message.contains(char::is_control) && message.contains("write NAME at INSTANT")),
    }
    let Some(server) = MailServer::parse(text) else { return };
    assert!(!server.host.is_empty() && server.port > 0, "{server:?}");
    assert!(
        !server.host.contains(|letter: char| letter.is_control() || letter.is_whitespace() || "/@?#".contains(letter)),
        "{server:?}"
    );
    let scheme = if server.starts_plain { "smtp" } else { "smtps" };
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    let printed = format!("{scheme}://{host}:{}", server.port);
    assert_eq!(MailServer::parse(&printed), Some(server), "{text}");
});
