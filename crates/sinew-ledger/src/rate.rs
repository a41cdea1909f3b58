//! From what a contract used in a period to the lines of its invoice. Each line is rounded once, here.
//!
//! Clauses work in this order: prices by steps, fee, what is missing to the commitment, what the owner owes (capacity
//! not delivered, late, or lent to others), credits, taxes on all that, prepayments. A credit lowers what is charged and so what is taxed; a prepayment is a way to pay.

use crate::invoice::{Invoice, Line, LineKind};
use sinew_contract::{Capacity, Clause, Owing, PARTS, Terms};
use sinew_types::{Instant, Meter, Money, Price, Quantity};
use std::collections::BTreeMap;

/// What a contract used in a period, and what was missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// Inside the guarantee.
    pub own: Quantity,
    /// Beyond it.
    pub borrowed: Quantity,
    /// What the owner owes for beside that.
    pub owed: Owed,
}

/// What an owner owes a lab for, where a clause says at which price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owed {
    /// Guaranteed, and not held because cells had failed.
    pub undelivered: Quantity,
    /// Guaranteed, and there later than the recall bound allows.
    pub late: Quantity,
    /// Guaranteed, left idle, and held by others.
    pub lent: Quantity,
}

impl Default for Owed {
    fn default() -> Self {
        let nothing = Quantity { meter: Meter::ChipTime, amount: 0 };
        Self { undelivered: nothing, late: nothing, lent: nothing }
    }
}

impl Owed {
    fn of(&self, what: Owing) -> Quantity {
        match what {
            Owing::Undelivered => self.undelivered,
            Owing::Late => self.late,
            Owing::Lent => self.lent,
        }
    }
}

/// From when to when an invoice is. With clauses it never goes beyond the month that it begins in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// The first moment.
    pub from: Instant,
    /// The first moment after.
    pub to: Instant,
    /// Whether no other follows, because the contract is over.
    pub last: bool,
}

/// What the clauses of a contract came to on its earlier invoices, in units of its currency, by the clause's number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past(BTreeMap<u32, i128>);

impl Past {
    /// From all earlier invoices. Nothing where a sum is too large to count.
    pub fn of<'a>(invoices: impl Iterator<Item = &'a Invoice>) -> Option<Self> {
        let mut past = Self::default();
        for line in invoices.flat_map(|invoice| &invoice.lines) {
            if let Some(clause) = line.clause {
                let sum = past.0.entry(clause).or_default();
                *sum = sum.checked_add(line.amount.units)?;
            }
        }
        Some(past)
    }

    fn sum(&self, clause: u32) -> i128 {
        self.0.get(&clause).copied().unwrap_or(0)
    }
}

/// The lines of an invoice. Nothing where a sum is too large to count.
#[must_use]
pub fn rate(terms: &Terms, period: Period, used: &Used, past: &Past) -> Option<Vec<Line>> {
    let mut sheet = Sheet { terms, period, past, lines: Vec::new() };
    sheet.capacity(Capacity::Guaranteed, used.own)?;
    sheet.capacity(Capacity::Borrowed, used.borrowed)?;
    sheet.fee()?;
    sheet.least()?;
    sheet.owing(&used.owed)?;
    sheet.credits()?;
    sheet.taxes()?;
    sheet.prepayments()?;
    Some(sheet.lines)
}

/// What the lab promised to pay for a period at least, and the clause that says so. Nothing where none does, or where it is
/// too large to count.
#[must_use]
pub fn promised(terms: &Terms, period: Period) -> Option<(u32, Money)> {
    let sheet = Sheet { terms, period, past: &Past::default(), lines: Vec::new() };
    let (clause, money) = sheet.promise()?;
    Some((clause, Money { units: sheet.pro_rata(money.units)?, ..money }))
}

/// The sum of lines. Nothing where it is too large to count.
pub(crate) fn total(terms: &Terms, lines: &[Line]) -> Option<Money> {
    let nothing = Money::zero(terms.guaranteed_price.money.asset.clone());
    lines.iter().try_fold(nothing, |sum, line| sum.checked_add(&line.amount))
}

/// Lines as they come about.
struct Sheet<'a> {
    terms: &'a Terms,
    period: Period,
    past: &'a Past,
    lines: Vec<Line>,
}

impl Sheet<'_> {
    /// A line for each step of the price that the use reaches; always one, so that a zero is seen.
    fn capacity(&mut self, of: Capacity, used: Quantity) -> Option<()> {
        let steps = self.steps(of);
        for (at, (beyond, clause, price)) in steps.iter().enumerate() {
            let until = steps.get(at.checked_add(1)?).map_or(u128::MAX, |(next, ..)| *next);
            let amount = used.amount.min(until).saturating_sub(*beyond);
            if amount == 0 && at > 0 {
                continue;
            }
            let used = Quantity { meter: used.meter, amount };
            let kind = match of {
                Capacity::Guaranteed => LineKind::Guaranteed,
                Capacity::Borrowed => LineKind::Borrowed,
            };
            let amount = price.charge(used, self.terms.rounding)?;
            self.lines.push(Line {
                kind,
                used: Some(used),
                price: Some(price.clone()),
                amount,
                clause: *clause,
            });
        }
        Some(())
    }

    /// From how much use on which price counts in this month, and which clause says so.
    fn steps(&self, of: Capacity) -> Vec<(u128, Option<u32>, Price)> {
        let base = match of {
            Capacity::Guaranteed => &self.terms.guaranteed_price,
            Capacity::Borrowed => &self.terms.borrowed_price,
        };
        let mut steps = BTreeMap::from([(0, (None, None, base))]);
        for (number, clause) in self.terms.clauses.iter() {
            let Clause::Price { of: about, beyond, from, price } = clause else { continue };
            if *about != of || from.is_some_and(|from| from > self.month()) {
                continue;
            }
            let step = steps.entry(beyond.map_or(0, |beyond| beyond.amount)).or_insert((None, None, price));
            if step.1.is_none() || *from >= step.0 {
                *step = (*from, Some(number), price);
            }
        }
        steps.into_iter().map(|(beyond, (_, clause, price))| (beyond, clause, price.clone())).collect()
    }

    fn fee(&mut self) -> Option<()> {
        let begun = self.latest(|clause| match clause {
            Clause::Fee { money, from } => Some((money, *from)),
            _ => None,
        });
        let Some((clause, money)) = begun else { return Some(()) };
        let units = self.pro_rata(money.units)?;
        self.add(LineKind::Fee, units, clause)
    }

    /// What a whole month promises at least.
    fn promise(&self) -> Option<(u32, Money)> {
        self.latest(|clause| match clause {
            Clause::Least { money, from } => Some((money, *from)),
            _ => None,
        })
    }

    /// What use and fee fall short of the commitment.
    fn least(&mut self) -> Option<()> {
        let Some((clause, money)) = self.promise() else { return Some(()) };
        let short = self.pro_rata(money.units)?.checked_sub(self.sum()?)?;
        if short > 0 { self.add(LineKind::Commitment, short, clause) } else { Some(()) }
    }

    fn owing(&mut self, owed: &Owed) -> Option<()> {
        for of in Owing::ALL {
            let Some((number, price)) = self.terms.clauses.owing(of) else { continue };
            let amount = price.charge(owed.of(of), self.terms.rounding)?.checked_neg()?;
            self.lines.push(Line {
                kind: LineKind::of(of),
                used: Some(owed.of(of)),
                price: Some(price.clone()),
                amount,
                clause: Some(number),
            });
        }
        Some(())
    }

    fn credits(&mut self) -> Option<()> {
        for (number, clause) in self.terms.clauses.iter() {
            let Clause::Credit { money, until } = clause else { continue };
            let left = money.units.checked_add(self.past.sum(number))?;
            let spent = left.min(self.sum()?);
            if *until > self.month() && spent > 0 {
                self.add(LineKind::Credit, spent.checked_neg()?, number)?;
            }
        }
        Some(())
    }

    fn taxes(&mut self) -> Option<()> {
        let taxed = self.sum()?;
        for (number, clause) in self.terms.clauses.iter() {
            let Clause::Tax { parts, .. } = clause else { continue };
            let exact = taxed.checked_mul(i128::from(*parts))?;
            let units = self.terms.rounding.quotient(exact, i128::from(PARTS))?;
            self.add(LineKind::Tax, units, number)?;
        }
        Some(())
    }

    fn prepayments(&mut self) -> Option<()> {
        for (number, clause) in self.terms.clauses.iter() {
            let Clause::Prepay { money, due, back, from } = clause else { continue };
            let asked = self.period.from <= *due && *due < self.period.to;
            let sum = self.sum()?;
            let mut left = self.past.sum(number);
            if asked {
                self.add(LineKind::Prepayment, money.units, number)?;
                left = left.checked_add(money.units)?;
            }
            let returned = match (self.period.last, *from <= self.month()) {
                (true, _) => left,
                (false, true) => left.min(back.units).min(sum.max(0)),
                (false, false) => 0,
            };
            if returned > 0 {
                self.add(LineKind::Prepayment, returned.checked_neg()?, number)?;
            }
        }
        Some(())
    }

    /// The month of the period, as its first moment.
    fn month(&self) -> Instant {
        self.period.from.month()
    }

    /// Of clauses that count from a month on, the one that began last.
    fn latest<'c>(
        &'c self,
        of: impl Fn(&'c Clause) -> Option<(&'c Money, Option<Instant>)>,
    ) -> Option<(u32, Money)> {
        let all = self.terms.clauses.iter().filter_map(|(number, clause)| Some((number, of(clause)?)));
        let begun = all.filter(|(_, (_, from))| from.is_none_or(|from| from <= self.month()));
        let latest = begun.max_by_key(|(_, (_, from))| *from)?;
        Some((latest.0, latest.1.0.clone()))
    }

    /// The part of a month's sum that falls on the moments of the period within the contract's dates.
    fn pro_rata(&self, units: i128) -> Option<i128> {
        let (from, to) = (self.period.from.max(self.terms.starts), self.period.to.min(self.terms.ends));
        let whole = self.month().next_month().since(self.month()).ms();
        let exact = units.checked_mul(i128::from(to.since(from).ms()))?;
        self.terms.rounding.quotient(exact, i128::from(whole))
    }

    fn sum(&self) -> Option<i128> {
        Some(total(self.terms, &self.lines)?.units)
    }

    fn add(&mut self, kind: LineKind, units: i128, clause: u32) -> Option<()> {
        let asset = self.terms.guaranteed_price.money.asset.clone();
        let amount = Money { asset, units };
        self.lines.push(Line { kind, used: None, price: None, amount, clause: Some(clause) });
        Some(())
    }
}
