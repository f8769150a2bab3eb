//! Tokens of token endpoints, kept until shortly before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::secret::SecretValue;

/// Tokens of token endpoints, kept until shortly before they end.
#[derive(Default)]
pub(crate) struct TokenCache {
    pub(crate) tokens: Mutex<HashMap<[u8; 32], Token>>,
    /// Refresh tokens that came instead of the ones in Secrets, by these.
    pub(crate) refreshed: Mutex<HashMap<[u8; 32], Refreshed>>,
    /// A refresh token may be good for one use: who gets a token by one waits for its turn.
    pub(crate) turns: Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>,
}

impl TokenCache {
    /// A token that is still good.
    pub(crate) fn good(&self, key: &[u8; 32]) -> Option<SecretValue> {
        let tokens = locked(&self.tokens);
        tokens.get(key).filter(|token| Instant::now() < token.renew_at).map(|token| token.value.clone())
    }

    pub(crate) fn keep(&self, key: [u8; 32], token: Token) {
        let mut tokens = locked(&self.tokens);
        if tokens.len() >= MOST_TOKENS
            && let Some(first) = tokens.iter().min_by_key(|(_, token)| token.renew_at).map(|(key, _)| *key)
        {
            tokens.remove(&first);
        }
        tokens.insert(key, token);
    }

    /// Notes the refresh token that counts from now on instead of the one in the Secret.
    pub(crate) fn refreshed(&self, key: [u8; 32], current: SecretValue, in_secret: &SecretValue) {
        let mut refreshed = locked(&self.refreshed);
        match refreshed.get_mut(&key) {
            Some(known) => known.current = current,
            // Those that are written are found in their Secrets.
            None => {
                if refreshed.len() >= MOST_TOKENS {
                    refreshed.retain(|_, known| known.current.reveal() != known.written.reveal());
                }
                let written = in_secret.clone();
                refreshed.insert(key, Refreshed { current, written });
            }
        }
    }

    pub(crate) fn turn(&self, key: [u8; 32]) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = locked(&self.turns);
        if turns.len() >= MOST_TOKENS {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(key).or_default().clone()
    }
}

/// A refresh token that came instead of another one.
#[derive(Clone)]
pub(crate) struct Refreshed {
    pub(crate) current: SecretValue,
    /// The last one that is known to be in the Secret.
    pub(crate) written: SecretValue,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: SecretValue,
    pub(crate) renew_at: Instant,
}

/// Tokens remembered; beyond, the one that ends first goes.
pub(crate) const MOST_TOKENS: usize = 1_024;
