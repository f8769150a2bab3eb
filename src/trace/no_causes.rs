//! Without traces nothing is remembered of what caused what.

use tracing::Span;

pub(super) fn remember(_namespace: &str, _contract: &str) {}

pub(super) fn follow(_look: &Span, _namespace: &str, _contract: &str) {}
