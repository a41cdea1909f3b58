//! Quantities and money: checked integers, never floats.

use crate::value::{Canonical, Malformed, Value};
use crate::{Span, canonical_struct};
use std::fmt;
use std::str::FromStr;

/// Decimal digits behind the point that an asset read from text is kept with.
const CURRENCY_SCALE: u8 = 6;

/// What money is counted in: a code such as `USD`, and how many decimal digits its smallest unit has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Asset {
    /// Three to eight capital letters.
    code: String,
    /// Digits behind the point: with 6, one unit is a millionth.
    scale: u8,
}

canonical_struct!(Asset { code, scale });

impl Asset {
    /// The code, such as `USD`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

/// Reads a code such as `USD`, kept to a millionth.
impl FromStr for Asset {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fits = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        if !fits {
            return Err(Malformed::new(text, "a currency code of capital letters such as USD"));
        }
        Ok(Self { code: text.to_owned(), scale: CURRENCY_SCALE })
    }
}

/// An amount of one asset, in its smallest units. May be negative.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Money {
    /// What is counted.
    pub asset: Asset,
    /// How many of its smallest units.
    pub units: i128,
}

canonical_struct!(Money { asset, units });

impl Money {
    /// Nothing of an asset.
    #[must_use]
    pub fn zero(asset: Asset) -> Self {
        Self { asset, units: 0 }
    }

    /// The sum, or nothing where the assets differ or the sum is too large.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        if self.asset != other.asset {
            return None;
        }
        Some(Self { asset: self.asset.clone(), units: self.units.checked_add(other.units)? })
    }

    /// The same amount on the other side.
    #[must_use]
    pub fn checked_neg(&self) -> Option<Self> {
        Some(Self { asset: self.asset.clone(), units: self.units.checked_neg()? })
    }
}

/// `0.000487 USD`: all digits of the scale down to two behind the point.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.asset.scale);
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let shown = fraction.trim_end_matches('0').len().max(2.min(scale));
        let sign = if self.units < 0 { "-" } else { "" };
        let point = if shown > 0 { "." } else { "" };
        f.pad(&format!("{sign}{whole}{point}{} {}", &fraction[..shown], self.asset.code))
    }
}

/// Reads `1.90 USD`.
impl FromStr for Money {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong =
            || Malformed::new(text, "an amount such as `1.90 USD` with at most 6 digits behind the point");
        let (number, code) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let asset: Asset = code.trim().parse()?;
        let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let scale = usize::from(asset.scale);
        if whole.is_empty()
            || whole.len() > 18
            || fraction.len() > scale
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(wrong());
        }
        let units: i128 = format!("{whole}{fraction:0<scale$}").parse().map_err(|_| wrong())?;
        Ok(Self { asset, units: sign * units })
    }
}

/// What is counted when something is used. New meters are new variants; their base unit never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Meter {
    /// Chips held for a time. Base unit: a thousandth of a chip for a millisecond.
    ChipTime,
}

crate::canonical_enum!(Meter { ChipTime = "chip-time" {} });

impl Meter {
    /// How many base units a named unit of this meter has.
    fn named_unit(text: &str) -> Option<(Self, u128)> {
        let second = 1_000 * 1_000;
        match text {
            "chip-hour" | "core-hour" => Some((Self::ChipTime, second * 3_600)),
            "chip-minute" | "core-minute" => Some((Self::ChipTime, second * 60)),
            "chip-second" | "core-second" => Some((Self::ChipTime, second)),
            _ => None,
        }
    }
}

/// So much of a meter, in its base units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quantity {
    /// What is counted.
    pub meter: Meter,
    /// How many base units of it.
    pub amount: u128,
}

impl Quantity {
    /// `chip_milli` thousandths of a chip, held for `held`.
    #[must_use]
    pub fn chip_time(chip_milli: u64, held: Span) -> Self {
        Self { meter: Meter::ChipTime, amount: u128::from(chip_milli) * u128::from(held.ms()) }
    }

    /// The sum, or nothing where the meters differ or the sum is too large.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.meter != other.meter {
            return None;
        }
        Some(Self { meter: self.meter, amount: self.amount.checked_add(other.amount)? })
    }
}

/// Chip-seconds with every digit that counts, such as `72.5 chip-seconds`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.amount % 1_000_000);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{point}{fraction} chip-seconds", self.amount / 1_000_000)
    }
}

/// Reads `1000 chip-hours`, `1 core-hour` or `72.5 chip-seconds`.
impl FromStr for Quantity {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new(text, "an amount of use such as `1000 chip-hours`");
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (meter, each) = Meter::named_unit(unit.trim().trim_end_matches('s')).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.len() <= 12 && part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let scaled: u128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
        let exact = scaled.checked_mul(each).ok_or_else(wrong)?;
        if exact % scale != 0 {
            return Err(wrong());
        }
        Ok(Self { meter, amount: exact / scale })
    }
}

impl Canonical for Quantity {
    fn to_value(&self) -> Value {
        let amount =
            i128::try_from(self.amount).expect("a quantity is below 2^127: years of all chips on earth");
        (self.meter, amount).to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let (meter, amount) = <(Meter, i128)>::from_value(value)?;
        let amount = u128::try_from(amount).map_err(|_| Malformed::new(amount.to_string(), "a quantity"))?;
        Ok(Self { meter, amount })
    }
}

/// How an exact amount becomes whole units. Happens once, on an invoice line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rounding {
    /// To the nearest unit; halves to the even one.
    HalfEven,
    /// Away from zero as soon as anything is left.
    Up,
    /// Towards zero.
    Down,
}

crate::canonical_enum!(Rounding { HalfEven = "half-even" {}, Up = "up" {}, Down = "down" {} });

impl Rounding {
    /// `exact / per` in whole units. Nothing where `per` is not positive or the result is too large to count.
    #[must_use]
    pub fn quotient(self, exact: i128, per: i128) -> Option<i128> {
        if per <= 0 {
            return None;
        }
        let (whole, left) = (exact.checked_div(per)?, exact.checked_rem(per)?);
        let away = match self {
            Self::Down => false,
            Self::Up => left != 0,
            Self::HalfEven => {
                let twice = left.checked_abs()?.checked_mul(2)?;
                twice > per || (twice == per && whole % 2 != 0)
            }
        };
        if away { whole.checked_add(exact.signum()) } else { Some(whole) }
    }
}

/// A price is a rational: so much money for so much of a meter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Price {
    /// The money.
    pub money: Money,
    /// What it buys; never nothing.
    pub buys: Quantity,
}

canonical_struct!(Price { money, buys });

impl Price {
    /// What `used` costs, rounded once. Nothing where the meters differ, the price buys nothing, or the result is
    /// too large to count.
    #[must_use]
    pub fn charge(&self, used: Quantity, rounding: Rounding) -> Option<Money> {
        if used.meter != self.buys.meter {
            return None;
        }
        let per = i128::try_from(self.buys.amount).ok()?;
        let exact = self.money.units.checked_mul(i128::try_from(used.amount).ok()?)?;
        let units = rounding.quotient(exact, per)?;
        Some(Money { asset: self.money.asset.clone(), units })
    }
}

/// `1.90 USD/chip-hour`, in the largest named unit that fits.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in ["chip-hour", "chip-minute", "chip-second"] {
            if Meter::named_unit(unit) == Some((self.buys.meter, self.buys.amount)) {
                return f.pad(&format!("{}/{unit}", self.money));
            }
        }
        write!(f, "{} for {}", self.money, self.buys)
    }
}

/// Reads `1.90 USD/chip-hour`; `core-hour` means the same where chips are cores.
impl FromStr for Price {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new(text, "a price such as `1.90 USD/chip-hour`");
        let (money, unit) = text.split_once('/').ok_or_else(wrong)?;
        let (meter, amount) = Meter::named_unit(unit.trim()).ok_or_else(wrong)?;
        let money: Money = money.parse()?;
        if money.units < 0 {
            return Err(wrong());
        }
        Ok(Self { money, buys: Quantity { meter, amount } })
    }
}
