//! Double entry: every transaction sums to zero in each asset, and balances are derived.

use sinew_types::{Money, OrgId, canonical_enum, canonical_struct};
use std::collections::BTreeMap;

/// What an account is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AccountKind {
    /// What others owe the organisation.
    Receivable,
    /// What the organisation earned, counted negative as books do.
    Earnings,
    /// What it paid back for capacity that was not there.
    Undelivered,
    /// Use that it gave away.
    Credits,
    /// Taxes that it asked for and owes to others.
    Taxes,
    /// Money paid ahead that it owes back.
    Prepaid,
    /// What it paid for capacity that came too late.
    Late,
    /// What it paid to those whose guarantee it lent to others.
    Lent,
    /// Money that it got.
    Bank,
}

canonical_enum!(AccountKind {
    Receivable = "receivable" {},
    Earnings = "earnings" {},
    Undelivered = "undelivered" {},
    Credits = "credits" {},
    Taxes = "taxes" {},
    Prepaid = "prepaid" {},
    Late = "late" {},
    Lent = "lent" {},
    Bank = "bank" {},
});

/// An account in the books of one organisation, about another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Account {
    /// Whose books.
    pub of: OrgId,
    /// With whom.
    pub with: OrgId,
    /// What for.
    pub kind: AccountKind,
}

canonical_struct!(Account { of, with, kind });

/// One side of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// How much; debits are positive.
    pub money: Money,
}

canonical_struct!(Posting { account, money });

/// Postings that belong together and sum to zero in each asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// The postings.
    pub postings: Vec<Posting>,
}

canonical_struct!(Transaction { postings });

impl Transaction {
    /// Whether the postings sum to zero in each asset, without overflow.
    #[must_use]
    pub fn balances(&self) -> bool {
        let mut sums = BTreeMap::new();
        for posting in &self.postings {
            let sum = sums.entry(posting.money.asset.clone()).or_insert(0_i128);
            match sum.checked_add(posting.money.units) {
                Some(next) => *sum = next,
                None => return false,
            }
        }
        sums.values().all(|sum| *sum == 0)
    }
}

/// The balance of every account that was ever posted to, one for each asset code.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Balances {
    accounts: BTreeMap<(Account, String), Money>,
}

canonical_struct!(Balances { accounts });

impl Balances {
    /// Adds a transaction.
    ///
    /// # Panics
    /// Where a balance would pass 2^127 units: ask `can_post` before.
    pub fn post(&mut self, transaction: &Transaction) {
        for posting in &transaction.postings {
            let key = (posting.account, posting.money.asset.code().to_owned());
            let balance =
                self.accounts.entry(key).or_insert_with(|| Money::zero(posting.money.asset.clone()));
            *balance = balance
                .checked_add(&posting.money)
                .expect("sums of money stay below 2^127 units of one asset");
        }
    }

    /// Whether every balance can still be counted after a transaction.
    #[must_use]
    pub fn can_post(&self, transaction: &Transaction) -> bool {
        let mut after: BTreeMap<(Account, &str), Money> = BTreeMap::new();
        transaction.postings.iter().all(|posting| {
            let code = posting.money.asset.code();
            let key = (posting.account, code);
            let known = || self.accounts.get(&(posting.account, code.to_owned())).cloned();
            let now = after.get(&key).cloned().or_else(known);
            let now = now.unwrap_or_else(|| Money::zero(posting.money.asset.clone()));
            let sum = now.checked_add(&posting.money);
            sum.map(|sum| after.insert(key, sum)).is_some()
        })
    }

    /// All accounts with their balances, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Account, &Money)> {
        self.accounts.iter().map(|((account, _), money)| (account, money))
    }
}
