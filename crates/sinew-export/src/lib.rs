//! Invoices and payments in formats of other people: CSV, FOCUS, hledger and beancount.
//!
//! A file is a pure function of invoices and of the terms that they were made from, so the same invoices give the same bytes.
//! This crate computes no amount of its own: it never rates, and sums nothing that the ledger has not summed.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod beancount;
mod books;
mod commitments;
mod csv;
mod focus;
mod hledger;
mod number;

use sinew_contract::Terms;
use sinew_ledger::{Invoice, Payment};
use std::str::FromStr;

/// An invoice with what a reader of a file has to know beside it.
#[derive(Clone, Copy, Debug)]
pub struct Bill<'a> {
    /// The invoice.
    pub invoice: &'a Invoice,
    /// The terms that it was made from.
    pub terms: &'a Terms,
    /// The name of who asks.
    pub owner: &'a str,
    /// The name of who owes.
    pub lab: &'a str,
    /// Whose books a journal writes it into.
    pub side: Side,
}

impl Bill<'_> {
    /// `CONTRACT/NUMBER`, as everywhere.
    fn name(&self) -> String {
        format!("{}/{}", self.invoice.contract, self.invoice.number)
    }

    /// A clause in the words that were signed; empty where a line follows from the terms' own prices.
    fn clause(&self, number: Option<u32>) -> String {
        let found = self.terms.clauses.iter().find(|(known, _)| Some(*known) == number);
        found.map_or_else(String::new, |(_, clause)| clause.to_string())
    }
}

/// A payment with what a reader of a journal has to know beside it.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The payment.
    pub payment: &'a Payment,
    /// The name of who got it.
    pub owner: &'a str,
    /// The name of who paid.
    pub lab: &'a str,
    /// Whose books a journal writes it into.
    pub side: Side,
}

/// Either side of an invoice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Of who asks.
    Owner,
    /// Of who owes.
    Lab,
}

/// What a file can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One row for each line of each invoice.
    Csv,
    /// FOCUS 1.2, cost and usage, with the column of 1.3 that names the commitment that a charge counts towards.
    Focus,
    /// FOCUS 1.3, contract commitments: what was promised to be paid.
    FocusCommitments,
    /// A journal for hledger.
    Hledger,
    /// A journal for beancount.
    Beancount,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Csv, Self::Focus, Self::FocusCommitments, Self::Hledger, Self::Beancount];

    /// The word that people type.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Focus => "focus",
            Self::FocusCommitments => "focus-commitments",
            Self::Hledger => "hledger",
            Self::Beancount => "beancount",
        }
    }

    /// What a browser is told that it is.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv | Self::Focus | Self::FocusCommitments => "text/csv; charset=utf-8",
            Self::Hledger | Self::Beancount => "text/plain; charset=utf-8",
        }
    }

    /// How a file's name ends.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Focus => "focus.csv",
            Self::FocusCommitments => "focus-commitments.csv",
            Self::Hledger => "journal",
            Self::Beancount => "beancount",
        }
    }
}

/// Reads the word that people type.
impl FromStr for Format {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|format| format.word() == text).ok_or(())
    }
}

/// The file of these invoices; a journal has the payments as well.
#[must_use]
pub fn export(format: Format, bills: &[Bill], receipts: &[Receipt]) -> String {
    match format {
        Format::Csv => csv::lines(bills),
        Format::Focus => focus::charges(bills),
        Format::FocusCommitments => commitments::rows(bills),
        Format::Hledger => hledger::journal(bills, receipts),
        Format::Beancount => beancount::journal(bills, receipts),
    }
}

#[cfg(test)]
mod tests;
