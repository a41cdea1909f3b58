//! What a contract costs beside the price of what is held: steps, fees, commitments, credits, prepayments, taxes.
//!
//! A clause is agreed in the words of people, and that text is what both sides sign. Where there is one, the contract is
//! billed by itself for every calendar month (UTC): a month is what fees, steps and commitments are counted over.

use sinew_types::{Asset, Canonical, Instant, Malformed, Money, Price, Quantity, Value};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// More nobody reads.
pub(crate) const CLAUSES_MOST: usize = 64;
/// Parts of one that a rate is counted in.
pub const PARTS: u32 = 1_000_000;
const WANTED: &str = "a clause such as `guaranteed 1.50 USD/chip-hour beyond 1000 chip-hours from 2027-01-01`, `fee 500.00 USD`, `at least 10000.00 USD`, `undelivered 3.80 USD/chip-hour`, `late 5.00 USD/chip-hour`, `lent 0.40 USD/chip-hour`, `credit 500.00 USD until 2027-07-01`, `prepay 2000.00 USD on 2027-01-01 back 500.00 USD from 2027-07-01` or `tax VAT 8.1 %`";

/// Capacity inside the guarantee, or beyond it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Capacity {
    /// Inside.
    Guaranteed,
    /// Beyond.
    Borrowed,
}

/// What an owner pays a lab for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owing {
    /// Guaranteed capacity that it could not hold because cells had failed.
    Undelivered,
    /// Guaranteed capacity that came later than the recall bound allows.
    Late,
    /// Guaranteed capacity that others held while the lab let it lie idle: the lab's share of what they paid.
    Lent,
}

impl Owing {
    /// All of them, in the order of an invoice's lines.
    pub const ALL: [Self; 3] = [Self::Undelivered, Self::Late, Self::Lent];

    /// As people write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered",
            Self::Late => "late",
            Self::Lent => "lent",
        }
    }
}

/// One clause. Dates are first moments of a month, except where a payment is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Clause {
    /// Another price than the terms' own: for what a month uses beyond an amount, in months from a date on.
    Price {
        /// Of what.
        of: Capacity,
        /// What is used in a month beyond this much.
        beyond: Option<Quantity>,
        /// From which month on.
        from: Option<Instant>,
        /// The price.
        price: Price,
    },
    /// So much for each month, and for a part of a month in proportion.
    Fee {
        /// For a whole month.
        money: Money,
        /// From which month on; a later one takes the place of an earlier one.
        from: Option<Instant>,
    },
    /// Take or pay: what a month's use and fee fall short of it is paid all the same; for a part of a month in proportion.
    Least {
        /// For a whole month.
        money: Money,
        /// From which month on; a later one takes the place of an earlier one.
        from: Option<Instant>,
    },
    /// What the owner pays the lab.
    Owing {
        /// What for.
        of: Owing,
        /// For so much of it.
        price: Price,
    },
    /// Use that the owner gives away, spent before money is asked for; the earlier clause first.
    Credit {
        /// How much in all.
        money: Money,
        /// Not in months from here on.
        until: Instant,
    },
    /// Money that the lab pays ahead and gets back against later invoices.
    Prepay {
        /// How much.
        money: Money,
        /// Asked for in the month that this lies in.
        due: Instant,
        /// The most that comes back in a month; all that is left comes back with the last invoice.
        back: Money,
        /// From which month on it comes back.
        from: Instant,
    },
    /// A tax on what is charged, after credits.
    Tax {
        /// What people call it.
        name: String,
        /// Millionths of the sum.
        parts: u32,
    },
}

impl Clause {
    /// All amounts of money in it.
    fn assets(&self) -> Vec<&Asset> {
        match self {
            Self::Price { price, .. } | Self::Owing { price, .. } => vec![&price.money.asset],
            Self::Fee { money, .. } | Self::Least { money, .. } | Self::Credit { money, .. } => {
                vec![&money.asset]
            }
            Self::Prepay { money, back, .. } => vec![&money.asset, &back.asset],
            Self::Tax { .. } => Vec::new(),
        }
    }

    /// Dates that have to be the first moment of a month.
    fn months(&self) -> Option<Instant> {
        match self {
            Self::Price { from, .. } | Self::Fee { from, .. } | Self::Least { from, .. } => *from,
            Self::Credit { until, .. } => Some(*until),
            Self::Prepay { from, .. } => Some(*from),
            Self::Owing { .. } | Self::Tax { .. } => None,
        }
    }

    /// What two clauses cannot both say.
    fn subject(&self) -> Option<(u8, Option<u128>, Option<Instant>)> {
        match self {
            Self::Price { of, beyond, from, .. } => {
                let of = u8::from(*of == Capacity::Borrowed);
                Some((of, Some(beyond.map_or(0, |beyond| beyond.amount)), *from))
            }
            Self::Fee { from, .. } => Some((2, None, *from)),
            Self::Least { from, .. } => Some((3, None, *from)),
            Self::Owing { of: Owing::Undelivered, .. } => Some((4, None, None)),
            Self::Owing { of: Owing::Late, .. } => Some((5, None, None)),
            Self::Owing { of: Owing::Lent, .. } => Some((6, None, None)),
            Self::Credit { .. } | Self::Prepay { .. } | Self::Tax { .. } => None,
        }
    }
}

/// Why clauses make no sense, whatever else is agreed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClauseFlaw {
    /// Another currency than that of the prices.
    Currency {
        /// The clause.
        clause: String,
        /// The currency of the prices.
        prices: Asset,
    },
    /// A date that is not the first moment of a month.
    NoMonth {
        /// The clause.
        clause: String,
        /// The month that it lies in.
        month: Instant,
    },
    /// Two clauses say the same thing of the same time.
    Twice {
        /// The later one.
        clause: String,
    },
    /// A payment that is due outside the contract's dates.
    NeverDue {
        /// The clause.
        clause: String,
    },
    /// More than anybody reads.
    TooMany {
        /// At most so many.
        most: usize,
    },
}

/// The clauses of a contract, in the order in which they are numbered, from 1.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clauses(pub Vec<Clause>);

impl Clauses {
    /// Whether there is none, so that the owner closes invoices when it likes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clauses with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Clause)> {
        (1..).zip(&self.0)
    }

    /// What the owner pays the lab for so much of something, and the number of the clause that says so.
    #[must_use]
    pub fn owing(&self, of: Owing) -> Option<(u32, &Price)> {
        self.iter().find_map(|(number, clause)| match clause {
            Clause::Owing { of: known, price } if *known == of => Some((number, price)),
            _ => None,
        })
    }

    /// The prices for capacity in them.
    pub(crate) fn prices(&self) -> impl Iterator<Item = &Price> {
        self.0.iter().filter_map(|clause| match clause {
            Clause::Price { price, .. } | Clause::Owing { price, .. } => Some(price),
            _ => None,
        })
    }

    /// The first thing that is wrong with them, beside prices in `asset` and between these dates.
    pub(crate) fn check(&self, asset: &Asset, dates: Range<Instant>) -> Result<(), ClauseFlaw> {
        if self.0.len() > CLAUSES_MOST {
            return Err(ClauseFlaw::TooMany { most: CLAUSES_MOST });
        }
        for (at, clause) in self.0.iter().enumerate() {
            let text = || clause.to_string();
            if clause.assets().into_iter().any(|of| of != asset) {
                return Err(ClauseFlaw::Currency { clause: text(), prices: asset.clone() });
            }
            if let Some(date) = clause.months().filter(|date| date.month() != *date) {
                return Err(ClauseFlaw::NoMonth { clause: text(), month: date.month() });
            }
            if matches!(clause, Clause::Prepay { due, .. } if !dates.contains(due)) {
                return Err(ClauseFlaw::NeverDue { clause: text() });
            }
            let same = |other: &Clause| other.subject() == clause.subject();
            if clause.subject().is_some() && self.0.iter().take(at).any(same) {
                return Err(ClauseFlaw::Twice { clause: text() });
            }
        }
        Ok(())
    }
}

/// A date as people write it, and to the millisecond where it is not midnight.
fn day(at: Instant) -> String {
    let text = at.to_string();
    text.strip_suffix("T00:00:00.000Z").map_or_else(|| text.clone(), str::to_owned)
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = |from: &Option<Instant>| from.map_or_else(String::new, |at| format!(" from {}", day(at)));
        match self {
            Self::Price { of, beyond, from: begins, price } => {
                let of = if *of == Capacity::Guaranteed { "guaranteed" } else { "borrowed" };
                write!(f, "{of} {price}")?;
                if let Some(beyond) = beyond {
                    write!(f, " beyond {}", hours(*beyond))?;
                }
                f.write_str(&from(begins))
            }
            Self::Fee { money, from: begins } => write!(f, "fee {money}{}", from(begins)),
            Self::Least { money, from: begins } => write!(f, "at least {money}{}", from(begins)),
            Self::Owing { of, price } => write!(f, "{} {price}", of.word()),
            Self::Credit { money, until } => write!(f, "credit {money} until {}", day(*until)),
            Self::Prepay { money, due, back, from } => {
                write!(f, "prepay {money} on {} back {back} from {}", day(*due), day(*from))
            }
            Self::Tax { name, parts } => {
                let (whole, rest) = (parts / 10_000, format!("{:04}", parts % 10_000));
                let rest = rest.trim_end_matches('0');
                let point = if rest.is_empty() { "" } else { "." };
                write!(f, "tax {name} {whole}{point}{rest} %")
            }
        }
    }
}

/// In whole chip-hours where nothing is left over.
fn hours(amount: Quantity) -> String {
    let hour = 3_600_000_000;
    if amount.amount.checked_rem(hour) == Some(0) {
        return format!("{} chip-hours", amount.amount / hour);
    }
    amount.to_string()
}

impl FromStr for Clause {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let words: Vec<&str> = text.split_whitespace().collect();
        read(&words)
            .ok_or_else(|| Malformed::new(text, WANTED))?
            .map_err(|wrong| Malformed::new(text, format!("a clause, because {wrong}")))
    }
}

/// Nothing where the words have no such form; an error where one of them does not read.
fn read(words: &[&str]) -> Option<Result<Clause, Malformed>> {
    let (first, rest) = words.split_first()?;
    match *first {
        "guaranteed" => price(Capacity::Guaranteed, rest),
        "borrowed" => price(Capacity::Borrowed, rest),
        "fee" => monthly(rest).map(|read| read.map(|(money, from)| Clause::Fee { money, from })),
        "at" if rest.first() == Some(&"least") => {
            monthly(rest.get(1..)?).map(|read| read.map(|(money, from)| Clause::Least { money, from }))
        }
        "undelivered" => owing(Owing::Undelivered, rest),
        "late" => owing(Owing::Late, rest),
        "lent" => owing(Owing::Lent, rest),
        "credit" => {
            let [number, asset, "until", until] = rest else { return None };
            Some(amount(number, asset).and_then(|money| Ok(Clause::Credit { money, until: until.parse()? })))
        }
        "prepay" => prepay(rest),
        "tax" => tax(rest),
        _ => None,
    }
}

fn owing(of: Owing, words: &[&str]) -> Option<Result<Clause, Malformed>> {
    let [number, unit] = words else { return None };
    Some(format!("{number} {unit}").parse().map(|price| Clause::Owing { of, price }))
}

fn price(of: Capacity, words: &[&str]) -> Option<Result<Clause, Malformed>> {
    let [number, unit, rest @ ..] = words else { return None };
    let (beyond, rest) = match rest {
        ["beyond", number, unit, rest @ ..] => (Some(format!("{number} {unit}")), rest),
        rest => (None, rest),
    };
    let from = match rest {
        [] => None,
        ["from", from] => Some(*from),
        _ => return None,
    };
    let read = || {
        let beyond = beyond.map(|beyond| beyond.parse()).transpose()?;
        let from = from.map(str::parse).transpose()?;
        Ok(Clause::Price { of, beyond, from, price: format!("{number} {unit}").parse()? })
    };
    Some(read())
}

/// `500.00 USD`, and from when on.
fn monthly(words: &[&str]) -> Option<Result<(Money, Option<Instant>), Malformed>> {
    match words {
        [number, asset] => Some(amount(number, asset).map(|money| (money, None))),
        [number, asset, "from", from] => {
            Some(amount(number, asset).and_then(|money| Ok((money, Some(from.parse()?)))))
        }
        _ => None,
    }
}

fn prepay(words: &[&str]) -> Option<Result<Clause, Malformed>> {
    let [number, asset, "on", due, "back", back, back_asset, "from", from] = words else { return None };
    let read = || {
        let (money, back) = (amount(number, asset)?, amount(back, back_asset)?);
        Ok(Clause::Prepay { money, due: due.parse()?, back, from: from.parse()? })
    };
    Some(read())
}

/// `VAT 8.1 %`: at most four digits behind the point, and never more than the sum itself.
fn tax(words: &[&str]) -> Option<Result<Clause, Malformed>> {
    let [name, number, "%"] = words else { return None };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let sound = !whole.is_empty() && whole.len() <= 3 && fraction.len() <= 4;
    let parts = format!("{whole}{fraction:0<4}").parse().ok();
    let parts = parts.filter(|parts| sound && digits(whole) && digits(fraction) && *parts <= PARTS);
    let wrong = || Malformed::new(*number, "a rate from 0 to 100 with at most four digits behind the point");
    Some(parts.ok_or_else(wrong).map(|parts| Clause::Tax { name: (*name).to_owned(), parts }))
}

/// An amount that is not below zero.
fn amount(number: &str, asset: &str) -> Result<Money, Malformed> {
    let money: Money = format!("{number} {asset}").parse()?;
    if money.units < 0 {
        return Err(Malformed::new(number, "an amount of zero or more"));
    }
    Ok(money)
}

impl Canonical for Clause {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Text(text) => text.parse(),
            other => Err(Malformed::new(other.to_json(), "a clause")),
        }
    }
}

/// Left out where there is none, so that terms from before there were any have the same signature.
impl Canonical for Clauses {
    fn to_value(&self) -> Value {
        if self.0.is_empty() { Value::Null } else { self.0.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Self(Option::<Vec<Clause>>::from_value(value)?.unwrap_or_default()))
    }
}
