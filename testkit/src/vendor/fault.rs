//! What can go wrong at a vendor's endpoint, to be switched on and off.

/// A way in which an endpoint fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An HTTP status with a short text, and `Retry-After` if given.
    Status(u16, Option<String>),
    /// 200 with a page for people, as proxies and login walls answer.
    Html,
    /// 200 with nothing in it.
    Empty,
    /// The beginning of a right answer; then the connection breaks off.
    Truncated,
    /// The beginning of a right answer, properly ended: no JSON.
    CutOff,
    /// Nothing, for as long as the client waits.
    Stalled,
    /// The headers and one byte, then nothing.
    Dripping,
    /// A redirect to a place.
    Redirect(String),
    /// JSON of another schema.
    OtherSchema,
    /// A right answer, except that one number is not a number.
    NotANumber,
    /// A body of this number of bytes.
    Huge(usize),
}
