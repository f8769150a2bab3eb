//! The address of a mail server.

use url::{Host, Url};

/// A mail server and how its connection is secured; there is no unsecured way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// The port: 465 for TLS from the start, 587 for STARTTLS, unless another is written.
    pub port: u16,
    /// Whether the connection begins without TLS and must turn to it (STARTTLS).
    pub starts_plain: bool,
}

impl MailServer {
    /// Reads `smtps://HOST[:PORT]` or `smtp://HOST[:PORT]`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let starts_plain = match url.scheme() {
            "smtps" => false,
            "smtp" => true,
            _ => return None,
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = match url.host().filter(|_| bare)? {
            Host::Domain("") => return None,
            Host::Domain(name) => name.to_ascii_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port().unwrap_or(if starts_plain { 587 } else { 465 });
        (port > 0).then_some(Self { host, port, starts_plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_a_scheme_a_host_and_at_most_a_port() {
        for (text, expected) in [
            ("smtps://mail.example", Some(("mail.example", 465, false))),
            ("smtp://Mail.Example/", Some(("mail.example", 587, true))),
            ("smtp://[::1]:2525", Some(("::1", 2525, true))),
            ("smtps://user@mail.example", None),
            ("smtps://mail.example/path", None),
            ("https://mail.example", None),
            ("mail.example:25", None),
            ("smtp://", None),
            ("smtps://mail.example:0", None),
        ] {
            let found = MailServer::parse(text);
            let found = found.as_ref().map(|server| (server.host.as_str(), server.port, server.starts_plain));
            assert_eq!(found, expected, "{text}");
        }
    }
}
