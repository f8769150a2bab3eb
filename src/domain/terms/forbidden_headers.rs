//! Headers that a contract may not set.

/// Headers by which a message is framed or routed (RFC 9110 §7, RFC 9112 §6, RFC 9113 §8.2.2): whoever sets one can make a
/// shared connection carry a request of their own, or send it to another host than the one that was checked.
pub const FRAMING_AND_ROUTING: [&str; 9] =
    ["host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "keep-alive"];

/// Whether a header says how a request is framed or where it goes.
pub fn is_framing_or_routing(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FRAMING_AND_ROUTING.contains(&name.as_str()) || name.starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::is_framing_or_routing;

    #[test]
    fn headers_of_framing_and_routing_are_known_whatever_their_case() {
        for name in
            ["Host", "content-LENGTH", "Transfer-Encoding", "TE", "Proxy-Connection", "proxy-anything", "Expect"]
        {
            assert!(is_framing_or_routing(name), "{name}");
        }
        for name in ["X-Tenant", "Accept-Language", "Hosts", "X-Content-Length", "ETag"] {
            assert!(!is_framing_or_routing(name), "{name}");
        }
    }
}
