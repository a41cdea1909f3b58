//! What was paid: money that an owner got from a lab, named by a reference that counts once.

use crate::{Account, AccountKind, Posting, Transaction};
use sinew_types::{Instant, Malformed, Money, OrgId, canonical_struct, canonical_text};
use std::fmt;
use std::str::FromStr;

/// As many letters as banks carry with a transfer.
const LETTERS_MOST: usize = 140;

/// What a payment is known by, such as a bank's own number for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reference(String);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters, digits and what banks write between them, so that it stands in any file without quotes.
impl FromStr for Reference {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b" -._/:+#".contains(&byte);
        let fits = (1..=LETTERS_MOST).contains(&text.len()) && text.bytes().all(known) && text.trim() == text;
        if !fits {
            return Err(Malformed::new(
                text,
                "a reference of 1 to 140 letters, digits, spaces or `-._/:+#`, such as 2027-02/0815",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

canonical_text!(Reference);

/// Money that a lab paid to an owner; below zero what the owner paid to the lab.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// Who got it, and says so.
    pub owner: OrgId,
    /// Who paid.
    pub lab: OrgId,
    /// Known by this between the two, once.
    pub reference: Reference,
    /// How much.
    pub money: Money,
    /// When.
    pub paid_at: Instant,
}

canonical_struct!(Payment { owner, lab, reference, money, paid_at });

impl Payment {
    /// What it does to the books: money is there, and so much less is owed. Nothing where it has no opposite to count.
    #[must_use]
    pub fn transaction(&self) -> Option<Transaction> {
        let account = |kind| Account { of: self.owner, with: self.lab, kind };
        let got = Posting { account: account(AccountKind::Bank), money: self.money.clone() };
        let owed = Posting { account: account(AccountKind::Receivable), money: self.money.checked_neg()? };
        Some(Transaction { postings: vec![owed, got] })
    }
}
