//! One file that proves one invoice: made from the owner's journal, cosigned by witnesses, checked by anybody.

mod check;
mod memory;
mod range;
mod witness;

pub(crate) use check::{Trusted, verify};
pub(crate) use memory::Memory;
pub(crate) use witness::{Seen, goes_on};

pub(crate) use sinew_server::{Bundle, origin, prove};
use sinew_server::{Item, contract_of, read_leaf};

#[cfg(test)]
mod tests;
