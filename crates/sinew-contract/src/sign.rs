//! Ed25519 keys and signatures (RFC 8032) as values with a text form.

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use sinew_types::{Malformed, canonical_text};
use std::fmt;
use std::str::FromStr;

/// The public half of an organisation's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// The private half. Lives with the organisation that signs, never in a server's folder.
pub struct SecretKey(SigningKey);

/// A signature over bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; 64]);

impl SecretKey {
    /// A key from 32 bytes of chance.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The half that others may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl PublicKey {
    /// Whether the holder of this key signed exactly these bytes.
    #[must_use]
    pub fn signed(&self, bytes: &[u8], signature: &Signature) -> bool {
        let key = VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify(bytes, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok())
    }
}

/// Reads exactly `N` bytes of lower-case hexadecimal digits.
fn from_hex<const N: usize>(text: &str, expected: &str) -> Result<[u8; N], Malformed> {
    let wrong = || Malformed::new(text, expected);
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !lower || text.len() != N.saturating_mul(2) {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

macro_rules! hex_text {
    ($name:ident, $expected:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                from_hex(text, $expected).map(Self)
            }
        }
        canonical_text!($name);
    };
}
hex_text!(PublicKey, "an Ed25519 public key of 64 lower-case hexadecimal digits");
hex_text!(Signature, "an Ed25519 signature of 128 lower-case hexadecimal digits");
