//! A refresh token that a vendor gave instead of the one in its Secret, which is written there before anything else is asked.

use super::FeedTask;
use super::poll::Tools;
use crate::outbound::auth::{replaced, replacement};
use crate::outbound::credentials::Credentials;
use crate::outbound::oauth2::RefreshToken;

/// Writes a refresh token into its Secret that came instead of the one there; says why that cannot be.
pub(super) async fn keep(tools: &Tools, task: &FeedTask, credentials: &Credentials) -> Option<String> {
    let new = replacement(&tools.client, credentials)?;
    if !new.old.may_be_replaced {
        return Some(new.unwritten());
    }
    let RefreshToken { secret, key, value, .. } = &new.old;
    match tools.source.replace(&task.namespace, secret, key, value, &new.new).await {
        Ok(()) => {
            replaced(&tools.client, credentials, &new);
            None
        }
        Err(error) => Some(new.refused(&error.to_string())),
    }
}
