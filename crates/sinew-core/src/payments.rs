//! All payments that owners wrote down, by whom they are between and their reference.

use sinew_ledger::{Payment, Reference};
use sinew_types::{Canonical, Malformed, OrgId, Value};
use std::collections::BTreeMap;

/// Whose books, with whom, and what it is known by there.
pub type PaymentKey = (OrgId, OrgId, Reference);

/// All payments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Payments(BTreeMap<PaymentKey, Payment>);

impl Payments {
    /// A payment, where it is known.
    #[must_use]
    pub fn get(&self, key: &PaymentKey) -> Option<&Payment> {
        self.0.get(key)
    }

    /// All of them, by owner, lab and reference.
    pub fn iter(&self) -> impl Iterator<Item = &Payment> {
        self.0.values()
    }

    pub(crate) fn add(&mut self, payment: &Payment) {
        let key = (payment.owner, payment.lab, payment.reference.clone());
        self.0.insert(key, payment.clone());
    }
}

/// Nothing where there is none, so that a state from before there were any reads the same.
impl Canonical for Payments {
    fn to_value(&self) -> Value {
        let all: Vec<Payment> = self.0.values().cloned().collect();
        if all.is_empty() { Value::Null } else { all.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let mut payments = Self::default();
        let all = Option::<Vec<Payment>>::from_value(value)?.unwrap_or_default();
        all.iter().for_each(|payment| payments.add(payment));
        Ok(payments)
    }
}
