//! Identities: 128 bits, made outside the pure crates and passed in, so none of them counts anything.

use crate::value::{Canonical, Malformed, Value};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

/// What an identity names; gives it the prefix of its text form.
pub trait Kind {
    /// The letters before the hyphen, such as `org`.
    const PREFIX: &'static str;
}

/// A 128-bit identity of one kind. Its text is the kind's prefix, a hyphen and 32 hexadecimal digits.
pub struct Id<K: Kind> {
    bits: u128,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $marker:ident $alias:ident $prefix:literal;)*) => {$(
        #[doc = concat!("Marks identities that start with `", $prefix, "-`.")]
        pub enum $marker {}
        impl Kind for $marker {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}
kinds! {
    /// An organisation: any party.
    OrgKind OrgId "org";
    /// A pool of accelerators.
    PoolKind PoolId "pool";
    /// A contract between an owner and a lab.
    ContractKind ContractId "contract";
    /// A workload.
    WorkloadKind WorkloadId "workload";
    /// An API key. Names the key, is not the secret.
    KeyKind KeyId "key";
}

impl<K: Kind> Id<K> {
    /// An identity from bits that somebody else drew by chance.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self { bits, kind: PhantomData }
    }

    /// The 128 bits.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.bits
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:032x}", K::PREFIX, self.bits)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new(text, format!("an identity such as {}-{:032x}", K::PREFIX, 7));
        let digits =
            text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('-')).ok_or_else(wrong)?;
        let plain =
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !plain {
            return Err(wrong());
        }
        u128::from_str_radix(digits, 16).map(Self::from_bits).map_err(|_| wrong())
    }
}

impl<K: Kind> Canonical for Id<K> {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        String::from_value(value)?.parse()
    }
}

// Written out because derives would ask the same of the marker.
impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bits.cmp(&other.bits)
    }
}
impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}
