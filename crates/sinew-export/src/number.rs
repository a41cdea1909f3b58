//! Amounts as plain decimal numbers and moments as other programs read them.

use sinew_types::{Instant, Money, Price, Quantity};

/// Digits behind the point of what is not a whole number of an asset's units.
const DIGITS: usize = 15;

/// `-1.90`: the number of an amount, without its currency.
pub(crate) fn of(money: &Money) -> String {
    let text = money.to_string();
    text.split_once(' ').map_or(text.clone(), |(number, _)| number.to_owned())
}

/// How many units of a price were used, cut after 15 digits. Nothing where the price buys nothing.
pub(crate) fn quantity(used: Quantity, price: &Price) -> Option<String> {
    fraction(used.amount, price.buys.amount)
}

/// What a price comes to before it is rounded, cut after 15 digits. Nothing where it cannot be counted.
pub(crate) fn exact(used: Quantity, price: &Price) -> Option<String> {
    let one = format!("1 {}", price.money.asset.code()).parse::<Money>().ok()?;
    let whole = used.amount.checked_mul(price.money.units.unsigned_abs())?;
    let per = price.buys.amount.checked_mul(one.units.unsigned_abs())?;
    let sign = if price.money.units < 0 { "-" } else { "" };
    Some(format!("{sign}{}", fraction(whole, per)?))
}

fn fraction(amount: u128, per: u128) -> Option<String> {
    let whole = amount.checked_div(per)?;
    let mut left = amount.checked_rem(per)?;
    let mut digits = String::new();
    for _ in 0..DIGITS {
        left = left.checked_mul(10)?;
        digits.push_str(&left.checked_div(per)?.to_string());
        left = left.checked_rem(per)?;
    }
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    Some(format!("{whole}{point}{digits}"))
}

/// `2027-01-01T00:00:00Z`: whole seconds, as FOCUS has them.
pub(crate) fn second(at: Instant) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// `2027-01-01`.
pub(crate) fn day(at: Instant) -> String {
    at.to_string().chars().take(10).collect()
}
