//! FOCUS 1.2, the cost and usage of a bill in the columns of the FinOps foundation; `ContractApplied` is of 1.3.
//!
//! `BilledCost` is the line of the invoice, so its sum is the invoice. `EffectiveCost` counts money that was paid ahead
//! when it is used up and not when it is asked for. There is no public price list, so a list cost is the contracted one.

use crate::{Bill, commitments, csv, number};
use sinew_ledger::{Line, LineKind};

/// `CommitmentDiscountStatus` is always empty; the rules about consumed quantities ask for the column.
const HEAD: [&str; 31] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractApplied",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "x_Clause",
];

/// One row for each line of each invoice.
pub(crate) fn charges(bills: &[Bill]) -> String {
    let mut text = csv::row(&HEAD);
    for bill in bills {
        for line in &bill.invoice.lines {
            text.push_str(&csv::row(&fields(bill, line)));
        }
    }
    text
}

/// What FOCUS calls a line.
struct Charge {
    category: &'static str,
    frequency: &'static str,
    description: &'static str,
    /// Whether the money is a cost of this period.
    is_cost: bool,
}

fn charge(line: &Line) -> Charge {
    let of = |category, frequency, description, is_cost| Charge { category, frequency, description, is_cost };
    match line.kind {
        LineKind::Guaranteed => of("Usage", "Usage-Based", "Capacity inside the guarantee", true),
        LineKind::Borrowed => of("Usage", "Usage-Based", "Capacity beyond the guarantee", true),
        // Asked for when the month is over, for the time that passed: no purchase of anything that is still to come.
        LineKind::Fee => of("Usage", "Recurring", "Fee of the month", true),
        LineKind::Commitment => {
            of("Adjustment", "Recurring", "What use and fee fell short of the promised sum", true)
        }
        LineKind::Undelivered => of("Credit", "Usage-Based", "Guaranteed capacity that was not there", true),
        LineKind::Late => of("Credit", "Usage-Based", "Guaranteed capacity that came too late", true),
        LineKind::Lent => of("Credit", "Usage-Based", "Guaranteed capacity that others held", true),
        LineKind::Credit => of("Credit", "Recurring", "Use that the owner gives away", true),
        LineKind::Tax => of("Tax", "Recurring", "Tax", true),
        LineKind::Prepayment if line.amount.units > 0 => of("Purchase", "One-Time", "Paid ahead", false),
        LineKind::Prepayment => of("Adjustment", "Recurring", "Paid ahead, and given back", false),
    }
}

/// How much of what at which price, in the columns of FOCUS. Only use and purchases have them.
#[derive(Default)]
struct Priced {
    category: &'static str,
    quantity: String,
    unit: String,
    unit_price: String,
    contracted_cost: String,
}

fn priced(line: &Line, charge: &Charge) -> Priced {
    let billed = number::of(&line.amount);
    if !["Usage", "Purchase"].contains(&charge.category) {
        return Priced { contracted_cost: billed, ..Priced::default() };
    }
    if let (Some(used), Some(price)) = (line.used, &line.price)
        && let (Some(quantity), Some(exact)) = (number::quantity(used, price), number::exact(used, price))
    {
        let text = price.to_string();
        let unit = match text.rsplit_once('/').map(|(_, unit)| unit) {
            Some("chip-hour") => "Chip-Hours".to_owned(),
            Some("chip-minute") => "Chip-Minutes".to_owned(),
            Some("chip-second") => "Chip-Seconds".to_owned(),
            _ => format!("{} Chip-Seconds", price.buys.to_string().trim_end_matches(" chip-seconds")),
        };
        let unit_price = number::of(&price.money);
        return Priced { category: "Standard", quantity, unit, unit_price, contracted_cost: exact };
    }
    let (quantity, unit) = ("1".to_owned(), "Units".to_owned());
    Priced { category: "Standard", quantity, unit, unit_price: billed.clone(), contracted_cost: billed }
}

fn fields(bill: &Bill, line: &Line) -> [String; 31] {
    let (invoice, charge) = (bill.invoice, charge(line));
    let priced = priced(line, &charge);
    let billed = number::of(&line.amount);
    let (from, to) = (number::second(invoice.from), number::second(invoice.to));
    let consumed = charge.category == "Usage";
    let when = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
    [
        billed.clone(),
        invoice.lab.to_string(),
        bill.lab.to_owned(),
        line.amount.asset.code().to_owned(),
        to.clone(),
        from.clone(),
        charge.category.to_owned(),
        String::new(),
        charge.description.to_owned(),
        charge.frequency.to_owned(),
        to,
        from,
        String::new(),
        when(consumed, &priced.quantity),
        when(consumed, &priced.unit),
        commitments::applied(bill, line),
        priced.contracted_cost.clone(),
        priced.unit_price,
        if charge.is_cost { billed } else { "0".to_owned() },
        bill.name(),
        bill.owner.to_owned(),
        priced.contracted_cost,
        priced.category.to_owned(),
        priced.quantity,
        priced.unit,
        bill.owner.to_owned(),
        bill.owner.to_owned(),
        "Compute".to_owned(),
        "Lent accelerators".to_owned(),
        "Other (Compute)".to_owned(),
        bill.clause(line.clause),
    ]
}
