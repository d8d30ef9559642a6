//! A proof that may be used once.
//!
//! Verification of a token is pure; that it was not used before is known by the store only. What
//! verification gives is therefore an [`Once`], and the proof inside comes out by spending it.

use portreeve_protocol::time::Timestamp;

use super::fault::{Refused, TokenFault, TokenKind};

/// A proof out of a token that may be used once.
#[must_use = "the proof inside is believed only after it was spent"]
#[derive(Debug)]
pub struct Once<T> {
    proof: T,
    kind: TokenKind,
    token: TokenUse,
}

/// What is remembered of a used token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// Who signed it: `jti` is unique among one signer's tokens of one kind only.
    pub signer: String,
    /// Its `jti`.
    pub jti: String,
    /// From when on it is void, so that it need not be remembered any longer.
    pub expires_at: Timestamp,
}

impl<T> Once<T> {
    pub(super) const fn new(proof: T, kind: TokenKind, token: TokenUse) -> Self {
        Self { proof, kind, token }
    }

    /// What to remember.
    #[must_use]
    pub const fn token(&self) -> &TokenUse {
        &self.token
    }

    /// The proof, if `remember`, which stores the use durably, says that this was the first one.
    ///
    /// # Errors
    /// The outer one is that of `remember`; the inner one says that the token was used before.
    pub async fn spend<E>(
        self,
        remember: impl AsyncFnOnce(&TokenUse) -> Result<bool, E>,
    ) -> Result<Result<T, Refused>, E> {
        let first = remember(&self.token).await?;
        Ok(if first {
            Ok(self.proof)
        } else {
            Err(TokenFault::Replayed.of(self.kind, self.token.signer))
        })
    }

    #[cfg(test)]
    pub(super) fn unspent(self) -> T {
        self.proof
    }
}
