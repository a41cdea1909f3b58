//! Prints a file of one format, for the checkers of those formats: `samples FORMAT owner|lab`.

#[path = "../src/tests/sample.rs"]
mod sample;

use sinew_export::{Bill, Format, Receipt, Side, export};

#[expect(clippy::disallowed_methods, reason = "a program reads its words; the crate itself does not")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [format, side] = &words[..] else { panic!("usage: samples FORMAT owner|lab") };
    let format: Format = format.parse().expect("a format");
    let side = if side == "lab" { Side::Lab } else { Side::Owner };
    let terms = sample::terms();
    let invoices = sample::invoices(&terms);
    let bill = |invoice| Bill { invoice, terms: &terms, owner: "orion", lab: "lyra_2.north-1", side };
    let bills: Vec<Bill> = invoices.iter().map(bill).collect();
    let payments = sample::payments();
    let receipt = |payment| Receipt { payment, owner: "orion", lab: "lyra_2.north-1", side };
    print!("{}", export(format, &bills, &payments.iter().map(receipt).collect::<Vec<_>>()));
}
