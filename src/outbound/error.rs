//! Why a feed could not be read: a closed list of kinds and a sentence for people that holds no secret.

use std::time::Duration;

use crate::api::condition::{Reason, closed_enum};

closed_enum! {
    /// What went wrong with a feed, as the condition's reason and metric labels name it.
    FailureKind {
        Dns, Connect, Tls, Timeout, Status, TooLarge, Malformed, Mapping, Denied, Auth, RateLimited, SecretNotFound,
        SecretNotAllowed, RowQuota, Late, Shrunk, JobFailed, JobStuck, LinkExpired, Proxy, HostKey,
    }
}

impl FailureKind {
    /// The reason of the condition `FeedHealthy=False`.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Dns => Reason::Dns,
            Self::Connect => Reason::Connect,
            Self::Tls => Reason::Tls,
            Self::Timeout => Reason::Timeout,
            Self::Status => Reason::Status,
            Self::TooLarge => Reason::TooLarge,
            Self::Malformed => Reason::Malformed,
            Self::Mapping => Reason::Mapping,
            Self::Denied => Reason::Denied,
            Self::Auth => Reason::Auth,
            Self::RateLimited => Reason::RateLimited,
            Self::SecretNotFound => Reason::SecretNotFound,
            Self::SecretNotAllowed => Reason::SecretNotAllowed,
            Self::RowQuota => Reason::RowQuota,
            Self::Late => Reason::Late,
            Self::Shrunk => Reason::Shrunk,
            Self::JobFailed => Reason::JobFailed,
            Self::JobStuck => Reason::JobStuck,
            Self::LinkExpired => Reason::LinkExpired,
            Self::Proxy => Reason::Proxy,
            Self::HostKey => Reason::HostKey,
        }
    }
}

/// What it was within its kind, where advice or a decision depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Nothing that a decision depends on.
    #[default]
    Unspecified,
    /// The answer has this status, which is not the one that was asked for.
    Status(u16),
    /// The answer says that it is not JSON.
    MediaType,
    /// The body is not JSON, but a page for people or another format.
    NotJson,
    /// The body is empty.
    EmptyBody,
    /// The body is JSON of another shape.
    Shape,
    /// A key is there twice in an object.
    DuplicateKey,
    /// The answer is of another version of the native format.
    Schema,
    /// The body is not packed as its headers say, or in a way that is not taken.
    Encoding,
    /// What came is not HTTP.
    NotHttp,
    /// A page leads to one that was read before.
    Circle,
    /// There are more pages than a fetch may have.
    TooManyPages,
    /// The next page is elsewhere than the first.
    Elsewhere,
    /// An SSH server does not let the user in, or read.
    SshUser,
}

/// Why a feed could not be read.
///
/// The message is one line, at most [`LONGEST_MESSAGE`] characters, without secrets, query strings or user information;
/// control characters of a vendor's text are escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What went wrong.
    pub kind: FailureKind,
    /// What it was within that kind.
    pub detail: Detail,
    /// A sentence for people.
    pub message: String,
    /// How long the vendor asked to be left alone (`Retry-After`), from 1 s to 1 h.
    pub retry_after: Option<Duration>,
    /// Whether the cluster did not give what the request needs: the vendor was not asked, and a moment later it may be.
    pub of_the_cluster: bool,
}

/// The most characters that a [`FetchError`]'s message has.
pub const LONGEST_MESSAGE: usize = 240;

impl FetchError {
    /// An error whose message is made fit to be shown.
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        FetchError {
            kind,
            detail: Detail::Unspecified,
            message: presentable(message.as_ref(), LONGEST_MESSAGE),
            retry_after: None,
            of_the_cluster: false,
        }
    }

    /// The same error with what it was within its kind.
    pub fn with_detail(self, detail: Detail) -> Self {
        FetchError { detail, ..self }
    }

    /// The status of the answer, where the error is that it is not the one that was asked for.
    pub fn status(&self) -> Option<u16> {
        match self.detail {
            Detail::Status(code) => Some(code),
            _ => None,
        }
    }

    /// The same error as one of the cluster, not of the vendor.
    pub fn of_the_cluster(self) -> Self {
        FetchError { of_the_cluster: true, ..self }
    }

    /// The same error with the vendor's wish to be left alone.
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }
}

/// Cuts a text from outside to `most` characters and escapes what could disturb a terminal, a log or a reader: control
/// characters (ANSI sequences begin with one), marks that change the direction of text, invisible characters.
pub fn presentable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        let piece = if disturbs(character) { character.escape_unicode().to_string() } else { character.to_string() };
        length += piece.chars().count();
        if length > most.saturating_sub(1) {
            shown.push('…');
            return shown;
        }
        shown.push_str(&piece);
    }
    shown
}

/// Whether a character could disturb a terminal, a log or a reader: control characters, marks that change the direction of text,
/// invisible characters.
pub fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_reason_of_the_same_name() {
        for kind in FailureKind::ALL {
            assert_eq!(kind.as_str(), kind.reason().as_str());
        }
    }

    #[test]
    fn text_from_outside_is_cut_and_escaped() {
        let cases = [
            ("plain words, ümläut 漢字", "plain words, ümläut 漢字"),
            ("line\r\nbreak\ttab", "line\\u{d}\\u{a}break\\u{9}tab"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("abc\u{202e}fdp.exe\u{2066}", "abc\\u{202e}fdp.exe\\u{2066}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("nul\0del\u{7f}c1\u{9b}31m", "nul\\u{0}del\\u{7f}c1\\u{9b}31m"),
        ];
        for (text, shown) in cases {
            assert_eq!(presentable(text, 200), shown);
        }
        let long = presentable(&"x".repeat(5_000), 64);
        assert_eq!((long.chars().count(), long.ends_with('…')), (64, true));
        assert!(presentable(&"\n".repeat(5_000), 64).chars().count() <= 64);
    }
}
