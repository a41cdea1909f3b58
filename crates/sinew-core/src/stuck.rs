//! Contracts whose next invoice cannot be made because a sum in it is too large to count. They hold up nobody else's.

use sinew_types::{Canonical, ContractId, Instant, Malformed, Value};
use std::collections::BTreeMap;

/// Each contract, and up to when its invoice would be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stuck(BTreeMap<ContractId, Instant>);

/// Nothing where none is stuck, so that a state from before there could be one reads the same.
impl Canonical for Stuck {
    fn to_value(&self) -> Value {
        if self.0.is_empty() { Value::Null } else { self.0.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Self(Option::<BTreeMap<ContractId, Instant>>::from_value(value)?.unwrap_or_default()))
    }
}

impl Stuck {
    /// Whether a contract's next invoice cannot be made.
    #[must_use]
    pub fn holds(&self, id: ContractId) -> bool {
        self.0.contains_key(&id)
    }

    /// There is an invoice after all.
    pub(crate) fn forget(&mut self, id: ContractId) {
        self.0.remove(&id);
    }

    pub(crate) fn add(&mut self, id: ContractId, to: Instant) {
        self.0.insert(id, to);
    }
}
