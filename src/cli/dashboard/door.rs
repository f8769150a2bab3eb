//! Who may see the pages: whoever came by the address with the token, in the browser in which they came.

use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::domain::numbers::hexadecimal::hexadecimal;

/// The secrets of one run, and the names by which this server is asked for.
#[derive(Clone, Debug)]
pub(super) struct Door {
    token: String,
    session: String,
    port: u16,
}

/// What a request is, as far as the door depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// Whether the method only reads: GET or HEAD.
    pub reads: bool,
    /// The header Host.
    pub host: Option<&'a str>,
    /// The path.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// The headers Cookie.
    pub cookies: &'a [&'a str],
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is answered.
    In,
    /// It gets the cookie, and goes on to the portfolio.
    Welcome,
    /// It was made for another name: another site's name may lead here.
    WrongHost,
    /// It would change something, and nothing can be changed.
    NotReading,
    /// It has no cookie of this run.
    Stranger,
}

impl Door {
    /// Secrets of a new run on a port.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub(super) fn new(port: u16) -> Result<Door, String> {
        Ok(Door { token: secret()?, session: secret()?, port })
    }

    /// The address that is shown to whoever started the server.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// The value of the header Set-Cookie for who came by the address.
    pub(super) fn cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.name(), self.session)
    }

    /// Cookies are shared between the ports of a machine, so the name has the port.
    fn name(&self) -> String {
        format!("bpo-dashboard-{}", self.port)
    }

    /// Decides on a request.
    pub(super) fn decide(&self, caller: &Caller<'_>) -> Decision {
        let hosts = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        if !caller.host.is_some_and(|host| hosts.iter().any(|known| known.eq_ignore_ascii_case(host))) {
            return Decision::WrongHost;
        }
        if !caller.reads {
            return Decision::NotReading;
        }
        let token = caller.query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("token=")));
        if caller.path == "/" && token.is_some_and(|token| same(token, &self.token)) {
            return Decision::Welcome;
        }
        let (name, mut pairs) = (self.name(), caller.cookies.iter().flat_map(|cookies| cookies.split(';')));
        let is_known = pairs.any(|pair| {
            pair.trim().split_once('=').is_some_and(|(found, value)| found == name && same(value, &self.session))
        });
        if is_known { Decision::In } else { Decision::Stranger }
    }
}

/// 32 random bytes as hexadecimal digits.
fn secret() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "this machine has no random numbers".to_owned())?;
    Ok(hexadecimal(bytes))
}

/// Whether two secrets are the same, by their digests: how long it takes says nothing of the secret.
fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one.as_bytes()) == Sha256::digest(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_came_by_the_address_reads_and_nobody_changes() {
        let door = Door::new(4321).unwrap();
        let cookie = door.cookie();
        let own = cookie.split(';').next().unwrap();
        let token = format!("token={}", door.token);
        let stolen = format!("bpo-dashboard-4322={}", door.session);
        let (here, many) = (Some("127.0.0.1:4321"), format!("a=b; {own}; c=d"));
        let (mine, among, other, wrong) = ([own], ["x=y", many.as_str()], [stolen.as_str()], [token.as_str()]);
        let get = |host, path, query, cookies| Caller { reads: true, host, path, query, cookies };
        let cases = [
            ("the address", get(here, "/", Some(token.as_str()), &[]), Decision::Welcome),
            ("the cookie", get(here, "/contracts/cx/acme", None, &mine), Decision::In),
            ("the cookie among others", get(here, "/", None, &among), Decision::In),
            ("another name of this machine", get(Some("LOCALHOST:4321"), "/", None, &mine), Decision::In),
            ("nothing", get(here, "/", None, &[]), Decision::Stranger),
            ("a wrong token", get(here, "/", Some("token=0"), &[]), Decision::Stranger),
            ("the token elsewhere", get(here, "/reports/cx/a", Some(token.as_str()), &[]), Decision::Stranger),
            ("the cookie of another port", get(here, "/", None, &other), Decision::Stranger),
            ("the token as a cookie", get(here, "/", None, &wrong), Decision::Stranger),
            (
                "a name that was made to lead here",
                get(Some("evil.example:4321"), "/", Some(token.as_str()), &mine),
                Decision::WrongHost,
            ),
            ("another port", get(Some("127.0.0.1:80"), "/", None, &mine), Decision::WrongHost),
            ("no name", get(None, "/", None, &mine), Decision::WrongHost),
            ("a change", Caller { reads: false, ..get(here, "/", None, &mine) }, Decision::NotReading),
        ];
        for (what, caller, decision) in cases {
            assert_eq!(door.decide(&caller), decision, "{what}");
        }
    }

    #[test]
    fn each_run_has_its_own_secrets_and_the_cookie_is_for_no_script_and_no_other_site() {
        let (one, other) = (Door::new(1).unwrap(), Door::new(1).unwrap());
        assert_ne!(one.address(), other.address());
        assert_ne!(one.cookie(), other.cookie());
        assert!(one.token.len() == 64 && one.token != one.session);
        assert!(one.cookie().ends_with("; Path=/; HttpOnly; SameSite=Strict"));
        assert!(!one.cookie().contains(&one.token));
    }
}
