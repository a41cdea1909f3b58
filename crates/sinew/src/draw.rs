//! What has to be drawn by chance: identities, request keys, API keys, signing keys.

use anyhow::{Context, Result};
use sinew_types::Hash;

/// Bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn)
        .context("the system gives no random numbers: look at its log, then try again")?;
    Ok(drawn)
}

/// The bits of a new identity.
pub(crate) fn bits() -> Result<u128> {
    bytes().map(u128::from_le_bytes)
}

/// The secret of a new API key, and the hash that the server keeps of it.
pub(crate) fn api_key() -> Result<(String, String)> {
    let secret = format!("sk-sinew-{}", Hash::from_bytes(bytes()?));
    let hash = sinew_store::hash_of(secret.as_bytes()).to_string();
    Ok((secret, hash))
}

/// A few hexadecimal digits, for names that only have to differ.
pub(crate) fn suffix() -> Result<String> {
    let drawn: [u8; 3] = bytes()?;
    Ok(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
}
