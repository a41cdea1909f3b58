//! Reported deals, read from a table: each row one deal with its source, and each wrong row a sentence with its line.

#[cfg(test)]
mod tests;

use crate::table::{Row, rows};
use crate::{Graph, NoGraph, Parties};
use sinew_types::{Asset, Money};

/// Codes of ISO 4217 that amounts may be in. A code that is not here is more likely a slip than a currency.
const CURRENCIES: &str = "AED AUD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KRW KWD KZT \
                          MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON SAR SEK SGD THB TRY TWD UAH USD VND ZAR";

/// How sure a deal is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// Done: the money or the shares have moved.
    Closed,
    /// Signed.
    Committed,
    /// Said by a party to it.
    Announced,
    /// Said by others.
    Reported,
    /// Only under conditions.
    Contingent,
    /// One side may leave.
    Cancelable,
    /// A figure that stands in for an unknown one.
    Proxy,
    /// Replaced by a later row.
    Superseded,
    /// A letter of intent that came to nothing.
    LoiLapsed,
    /// Nobody to be named says so.
    Unsourced,
}

/// All statuses with their words in a table.
const STATUSES: [(&str, Status); 10] = [
    ("closed", Status::Closed),
    ("committed", Status::Committed),
    ("announced", Status::Announced),
    ("reported", Status::Reported),
    ("contingent", Status::Contingent),
    ("cancelable", Status::Cancelable),
    ("proxy", Status::Proxy),
    ("superseded", Status::Superseded),
    ("loi_lapsed", Status::LoiLapsed),
    ("unsourced", Status::Unsourced),
];

/// What a deal is about, as far as the figures ask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Money for shares or as a loan, which may come back as somebody's spending.
    Invests,
    /// The same, paid in the payer's own shares or in rights to them.
    InvestsPaper,
    /// Money for goods and services.
    Spends,
}

/// All kinds with their words in a table.
pub const KINDS: [(&str, Kind); 10] = [
    ("equity", Kind::Invests),
    ("equity_and_credits", Kind::Invests),
    ("equity_and_debt", Kind::Invests),
    ("loan", Kind::Invests),
    ("equity_consideration", Kind::InvestsPaper),
    ("warrant", Kind::InvestsPaper),
    ("compute_purchase", Kind::Spends),
    ("chip_purchase", Kind::Spends),
    ("licence", Kind::Spends),
    ("backstop", Kind::Spends),
];

/// What kind of value a deal moves. The three are never one figure without being told apart as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Money that has moved.
    Cash,
    /// Money that is promised.
    Commitment,
    /// Shares and rights given instead of money, moved or promised.
    Paper,
}

/// Which rows count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Set {
    /// Closed, committed, announced or reported.
    Firm,
    /// Those, and contingent, cancelable and proxy rows.
    All,
}

/// One deal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deal {
    /// The line of the table.
    pub line: usize,
    /// A year, a month, a day, or a span of two of them.
    pub date: String,
    /// Who gives, by number.
    pub from: usize,
    /// Who gets, by number.
    pub to: usize,
    /// The table's word for what it is about.
    pub kind_word: &'static str,
    /// What it is about.
    pub kind: Kind,
    /// How much; nothing where it is not disclosed.
    pub amount: Option<Money>,
    /// How sure it is.
    pub status: Status,
    /// Who says so; empty only where the status is `unsourced`.
    pub source: String,
}

impl Deal {
    /// Whether it counts in a set. Superseded, lapsed and unsourced rows never do.
    #[must_use]
    pub fn counts_in(&self, set: Set) -> bool {
        match self.status {
            Status::Closed | Status::Committed | Status::Announced | Status::Reported => true,
            Status::Contingent | Status::Cancelable | Status::Proxy => set == Set::All,
            Status::Superseded | Status::LoiLapsed | Status::Unsourced => false,
        }
    }

    /// Cash, commitment or paper.
    #[must_use]
    pub fn class(&self) -> Class {
        match (self.kind, self.status) {
            (Kind::InvestsPaper, _) => Class::Paper,
            (_, Status::Closed) => Class::Cash,
            _ => Class::Commitment,
        }
    }

    /// The first year of its date.
    #[must_use]
    pub fn year(&self) -> &str {
        &self.date[..4]
    }

    /// Its amount in smallest units; nothing where it is not disclosed.
    #[must_use]
    pub fn units(&self) -> i128 {
        self.amount.as_ref().map_or(0, |amount| amount.units)
    }
}

/// What is wrong with a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The table has no such column.
    NoColumn(String),
    /// The amounts' column names a currency that is not known.
    UnknownCurrency(String),
    /// The row has more or fewer cells than the head.
    Cells {
        /// How many the head has.
        expected: usize,
        /// How many the row has.
        found: usize,
    },
    /// A quote is opened and never closed.
    OpenQuote,
    /// A cell of this column is empty.
    Empty(&'static str),
    /// The date is no year, month, day or span.
    Date(String),
    /// The amount has separators between thousands.
    Separator(String),
    /// The amount is no number.
    Amount(String),
    /// The amount is below zero.
    Negative(String),
    /// A status that is not known.
    UnknownStatus(String),
    /// A kind that is not known.
    UnknownKind(String),
    /// No source, and the status does not say so.
    NoSource,
    /// Who gives is who gets.
    Itself(String),
    /// The same deal stands on an earlier line.
    Repeats(usize),
}

/// What is wrong, and on which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The line of the table, from 1.
    pub line: usize,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// A table of deals in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deals {
    /// Who gives and gets.
    pub parties: Parties,
    /// The rows, in order.
    pub rows: Vec<Deal>,
    /// What all amounts are in.
    pub asset: Asset,
}

impl Deals {
    /// Reads a table with the columns date, from, to, kind, amount_CURRENCY, status, source. All of it or nothing:
    /// a table with a wrong row has no figures.
    pub fn read(text: &str) -> Result<Self, Vec<Complaint>> {
        let rows = rows(text).map_err(|line| vec![Complaint { line, wrong: Wrong::OpenQuote }])?;
        let columns = Columns::of(rows.first()).map_err(|complaint| vec![complaint])?;
        let mut deals = Self { parties: Parties::default(), rows: Vec::new(), asset: columns.asset.clone() };
        let mut complaints = Vec::new();
        for row in rows.iter().skip(1) {
            match columns.deal(row, &mut deals.parties) {
                Ok(deal) => deals.rows.push(deal),
                Err(wrong) => complaints.push(Complaint { line: row.line, wrong }),
            }
        }
        complaints.extend(deals.repeats());
        complaints.sort_by_key(|complaint| complaint.line);
        if complaints.is_empty() { Ok(deals) } else { Err(complaints) }
    }

    /// Rows that say what an earlier one says.
    fn repeats(&self) -> Vec<Complaint> {
        let same = |deal: &&Deal| (deal.from, deal.to, deal.units(), deal.kind_word);
        let mut order: Vec<&Deal> = self.rows.iter().collect();
        order.sort_by(|one, other| {
            same(one).cmp(&same(other)).then_with(|| (&one.date, one.line).cmp(&(&other.date, other.line)))
        });
        let pairs =
            order.windows(2).filter(|pair| same(&pair[0]) == same(&pair[1]) && pair[0].date == pair[1].date);
        pairs.map(|pair| Complaint { line: pair[1].line, wrong: Wrong::Repeats(pair[0].line) }).collect()
    }

    /// The flows of the rows that are kept.
    pub fn graph(&self, keep: impl Fn(&Deal) -> bool) -> Result<Graph, NoGraph> {
        let kept = self.rows.iter().filter(|deal| keep(deal));
        Graph::new(self.parties.names().len(), kept.map(|deal| (deal.from, deal.to, deal.units())))
    }

    /// Shares held: (holder, of whom, what was given for them), for every counting investment.
    #[must_use]
    pub fn holdings(&self, set: Set) -> Vec<(usize, usize, i128)> {
        let held =
            |deal: &&Deal| deal.counts_in(set) && deal.kind == Kind::Invests && deal.kind_word != "loan";
        self.rows.iter().filter(held).map(|deal| (deal.from, deal.to, deal.units())).collect()
    }
}

/// Where each column stands.
struct Columns {
    count: usize,
    date: usize,
    from: usize,
    to: usize,
    kind: usize,
    amount: usize,
    status: usize,
    source: usize,
    asset: Asset,
}

impl Columns {
    fn of(head: Option<&Row<'_>>) -> Result<Self, Complaint> {
        let complaint = |wrong| Complaint { line: head.map_or(1, |row| row.line), wrong };
        let names: Vec<&str> = head.iter().flat_map(|row| row.cells.iter().map(AsRef::as_ref)).collect();
        let place = |name: &str| {
            let place = names.iter().position(|found| *found == name);
            place.ok_or_else(|| complaint(Wrong::NoColumn(name.to_owned())))
        };
        let amount = names.iter().position(|name| name.starts_with("amount_"));
        let amount = amount.ok_or_else(|| complaint(Wrong::NoColumn("amount_usd".to_owned())))?;
        let code = names[amount]["amount_".len()..].to_ascii_uppercase();
        let unknown = || complaint(Wrong::UnknownCurrency(code.clone()));
        let known = CURRENCIES.split_whitespace().find(|known| *known == code).ok_or_else(unknown)?;
        Ok(Self {
            count: names.len(),
            date: place("date")?,
            from: place("from")?,
            to: place("to")?,
            kind: place("kind")?,
            amount,
            status: place("status")?,
            source: place("source")?,
            asset: known.parse().expect("each code in the list has three capital letters"),
        })
    }

    fn deal(&self, row: &Row<'_>, parties: &mut Parties) -> Result<Deal, Wrong> {
        if row.cells.len() != self.count {
            return Err(Wrong::Cells { expected: self.count, found: row.cells.len() });
        }
        let cell = |place: usize| -> &str { row.cells[place].as_ref() };
        let filled =
            |place: usize, name| Some(cell(place)).filter(|text| !text.is_empty()).ok_or(Wrong::Empty(name));
        let (from, to) = (filled(self.from, "from")?, filled(self.to, "to")?);
        let (kind, status) = (filled(self.kind, "kind")?, filled(self.status, "status")?);
        let date = filled(self.date, "date")?;
        if !is_date(date) {
            return Err(Wrong::Date(date.to_owned()));
        }
        let known = KINDS.iter().find(|(word, _)| *word == kind);
        let (kind_word, kind) = known.ok_or_else(|| Wrong::UnknownKind(kind.to_owned()))?;
        let known = STATUSES.iter().find(|(word, _)| *word == status);
        let (_, status) = known.ok_or_else(|| Wrong::UnknownStatus(status.to_owned()))?;
        let source = cell(self.source);
        if source.is_empty() && *status != Status::Unsourced {
            return Err(Wrong::NoSource);
        }
        if from == to {
            return Err(Wrong::Itself(from.to_owned()));
        }
        let amount = amount(cell(self.amount), &self.asset)?;
        Ok(Deal {
            line: row.line,
            date: date.to_owned(),
            from: parties.number(from),
            to: parties.number(to),
            kind_word,
            kind: *kind,
            amount,
            status: *status,
            source: source.to_owned(),
        })
    }
}

/// A plain number such as `13000000000` or `1.5`; nothing where the cell is empty.
fn amount(text: &str, asset: &Asset) -> Result<Option<Money>, Wrong> {
    let money = || format!("{text} {}", asset.code()).parse().map_err(|_| Wrong::Amount(text.to_owned()));
    let is_plain = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-';
    let is_separated = |letter: char| is_plain(letter) || ", _'\u{a0}\u{202f}\u{2019}".contains(letter);
    match text {
        "" => Ok(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => money().map(Some),
        _ if !text.chars().all(is_separated) => Err(Wrong::Amount(text.to_owned())),
        _ if !text.chars().all(is_plain) || text.matches('.').count() > 1 => {
            Err(Wrong::Separator(text.to_owned()))
        }
        _ if text.starts_with('-') => Err(Wrong::Negative(text.to_owned())),
        _ => money().map(Some),
    }
}

/// `2025`, `2025-09`, `2025-09-22`, or two of them with `/` between.
fn is_date(text: &str) -> bool {
    let number = |part: &str, digits: usize, most: u32| {
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        plain && part.parse().is_ok_and(|value: u32| (1..=most).contains(&value))
    };
    let is_day = |day: &str| {
        let mut parts = day.split('-');
        parts.next().is_some_and(|year| number(year, 4, 9999))
            && parts.next().is_none_or(|month| number(month, 2, 12))
            && parts.next().is_none_or(|day| number(day, 2, 31))
            && parts.next().is_none()
    };
    text.split('/').count() <= 2 && text.split('/').all(is_day)
}
