mod sample;

use crate::*;
use expect_test::expect;
use sinew_ledger::Invoice;

fn with(check: impl Fn(&[Bill])) {
    let terms = sample::terms();
    let invoices = sample::invoices(&terms);
    let bill = |invoice| Bill { invoice, terms: &terms, owner: "orion", lab: "lyra", side: Side::Owner };
    check(&invoices.iter().map(bill).collect::<Vec<_>>());
}

/// The sample's payments in the books of a side.
fn receipts(side: Side) -> Vec<Receipt<'static>> {
    let payments = Box::leak(Box::new(sample::payments()));
    let receipt = |payment| Receipt { payment, owner: "orion", lab: "lyra", side };
    payments.iter().map(receipt).collect()
}

/// The fields of a row. Quotes are undone as RFC 4180 says.
fn fields(row: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut letters = row.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut().expect("there is always one");
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => field.push(letter),
        }
    }
    fields
}

/// The values of one column, row by row, beside those of another.
fn columns(text: &str, names: [&str; 2]) -> Vec<[String; 2]> {
    let mut rows = text.lines().map(fields);
    let head = rows.next().expect("a head");
    let at = names.map(|name| head.iter().position(|known| known == name).expect("a column"));
    rows.map(|row| at.map(|at| row[at].clone())).collect()
}

fn units(number: &str) -> i128 {
    format!("{number} USD").parse::<sinew_types::Money>().expect("a number of at most 6 digits").units
}

fn sum_of(text: &str, invoice: &Invoice, [name, value]: [&str; 2]) -> i128 {
    let name_of = format!("{}/{}", invoice.contract, invoice.number);
    let rows = columns(text, [name, value]);
    rows.iter().filter(|[name, _]| *name == name_of).map(|[_, value]| units(value)).sum()
}

#[test]
fn what_is_billed_adds_up_to_the_invoice_in_every_table() {
    with(|bills| {
        let focus = export(Format::Focus, bills, &[]);
        let csv = export(Format::Csv, bills, &[]);
        for Bill { invoice, .. } in bills {
            assert_eq!(sum_of(&focus, invoice, ["InvoiceId", "BilledCost"]), invoice.total.units);
            assert_eq!(sum_of(&csv, invoice, ["invoice", "amount"]), invoice.total.units);
        }
    });
}

/// Money paid ahead is a cost when it is used up: what is effective is what is billed without prepayments.
#[test]
fn an_effective_cost_leaves_prepayments_out() {
    with(|bills| {
        let focus = export(Format::Focus, bills, &[]);
        for Bill { invoice, .. } in bills {
            let ahead = |line: &&sinew_ledger::Line| line.kind == sinew_ledger::LineKind::Prepayment;
            let prepaid: i128 = invoice.lines.iter().filter(ahead).map(|line| line.amount.units).sum();
            let effective = sum_of(&focus, invoice, ["InvoiceId", "EffectiveCost"]);
            assert_eq!(effective, invoice.total.units - prepaid);
        }
    });
}

/// What is applied to a month's commitment is at least what was promised, and exactly that where a true-up was asked for.
#[test]
fn a_month_below_its_promise_is_filled_up_to_it() {
    with(|bills| {
        let focus = export(Format::Focus, bills, &[]);
        let mut applied = std::collections::BTreeMap::<String, i128>::new();
        for [text, cost] in columns(&focus, ["ContractApplied", "BilledCost"]) {
            if let Some((_, rest)) = text.split_once("\"ContractCommitmentId\":\"") {
                let (id, rest) = rest.split_once('"').expect("an id ends");
                assert!(rest.ends_with(&format!(":{cost}}}]}}")), "{text}");
                *applied.entry(id.to_owned()).or_default() += units(&cost);
            }
        }
        let table = export(Format::FocusCommitments, bills, &[]);
        let promised = columns(&table, ["ContractCommitmentId", "ContractCommitmentCost"]);
        let filled: Vec<String> = promised
            .iter()
            .map(|[id, cost]| format!("{} {cost} {:?}", &id[id.len() - 19..], applied.get(id)))
            .collect();
        let shown = expect![[r#"
            clause-8/2027-01-15 200.00 None
            clause-3/2027-02-01 1000.00 Some(1000000000)
            clause-3/2027-03-01 1000.00 Some(1000000000)"#]];
        shown.assert_eq(&filled.join("\n"));
    });
}

#[test]
fn a_table_of_lines() {
    with(|bills| {
        let text = export(Format::Csv, &bills[..2], &[]).replace("\r\n", "\n");
        expect![[r#"
            invoice,owner,lab,from,to,line,kind,used,price,amount,currency,clause
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,1,guaranteed,360000 chip-seconds,1.90 USD/chip-hour,190.00,USD,
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,2,guaranteed,874567.891 chip-seconds,1.50 USD/chip-hour,364.403288,USD,guaranteed 1.50 USD/chip-hour beyond 100 chip-hours
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,3,borrowed,411111.107703 chip-seconds,0.80 USD/chip-hour,91.358024,USD,
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,4,fee,,,500.00,USD,fee 500.00 USD
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,5,undelivered,7200 chip-seconds,3.80 USD/chip-hour,-7.60,USD,undelivered 3.80 USD/chip-hour
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,6,late,1800 chip-seconds,5.00 USD/chip-hour,-2.50,USD,late 5.00 USD/chip-hour
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,7,lent,18000 chip-seconds,0.40 USD/chip-hour,-2.00,USD,lent 0.40 USD/chip-hour
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,8,credit,,,-30.00,USD,credit 30.00 USD until 2027-03-01
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,9,tax,,,89.396566,USD,tax VAT 8.1 %
            contract-00000000000000000000000000000004/1,orion,lyra,2027-01-01T00:00:00.000Z,2027-02-01T00:00:00.000Z,10,prepayment,,,200.00,USD,prepay 200.00 USD on 2027-01-15 back 70.00 USD from 2027-02-01
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,1,guaranteed,1 chip-seconds,1.90 USD/chip-hour,0.000528,USD,
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,2,borrowed,0.333 chip-seconds,0.80 USD/chip-hour,0.000074,USD,
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,3,fee,,,500.00,USD,fee 500.00 USD
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,4,commitment,,,499.999398,USD,at least 1000.00 USD from 2027-02-01
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,5,undelivered,0 chip-seconds,3.80 USD/chip-hour,0.00,USD,undelivered 3.80 USD/chip-hour
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,6,late,0 chip-seconds,5.00 USD/chip-hour,0.00,USD,late 5.00 USD/chip-hour
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,7,lent,0 chip-seconds,0.40 USD/chip-hour,0.00,USD,lent 0.40 USD/chip-hour
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,8,tax,,,81.00,USD,tax VAT 8.1 %
            contract-00000000000000000000000000000004/2,orion,lyra,2027-02-01T00:00:00.000Z,2027-03-01T00:00:00.000Z,9,prepayment,,,-70.00,USD,prepay 200.00 USD on 2027-01-15 back 70.00 USD from 2027-02-01
        "#]].assert_eq(&text);
    });
}

#[test]
fn an_owners_journal_has_invoices_and_payments() {
    with(|bills| {
        expect![[r#"
            commodity 1000.000000 USD
            payee lyra
            account assets:bank:lyra
            account assets:receivable:lyra
            account expenses:credits:lyra
            account expenses:late:lyra
            account expenses:lent:lyra
            account expenses:undelivered:lyra
            account income:compute:lyra
            account liabilities:prepaid:lyra
            account liabilities:taxes:lyra

            2027-02-01 (contract-00000000000000000000000000000004/1) lyra  ; 2027-01-01T00:00:00.000Z to 2027-02-01T00:00:00.000Z
                assets:receivable:lyra                            1393.057878 USD
                income:compute:lyra                               -1145.761312 USD
                expenses:undelivered:lyra                         7.60 USD
                expenses:credits:lyra                             30.00 USD
                liabilities:taxes:lyra                            -89.396566 USD
                liabilities:prepaid:lyra                          -200.00 USD
                expenses:late:lyra                                2.50 USD
                expenses:lent:lyra                                2.00 USD

            2027-02-10 (2027-02/0815) lyra
                assets:receivable:lyra                            -1300.00 USD
                assets:bank:lyra                                  1300.00 USD

            2027-03-01 (contract-00000000000000000000000000000004/2) lyra  ; 2027-02-01T00:00:00.000Z to 2027-03-01T00:00:00.000Z
                assets:receivable:lyra                            1011.00 USD
                income:compute:lyra                               -1000.00 USD
                expenses:undelivered:lyra                         0.00 USD
                liabilities:taxes:lyra                            -81.00 USD
                liabilities:prepaid:lyra                          70.00 USD
                expenses:late:lyra                                0.00 USD
                expenses:lent:lyra                                0.00 USD

            2027-03-12 (2027-03/0002) lyra
                assets:receivable:lyra                            -1250.50 USD
                assets:bank:lyra                                  1250.50 USD

            2027-03-12 (back) lyra
                assets:receivable:lyra                            33.10 USD
                assets:bank:lyra                                  -33.10 USD
        "#]].assert_eq(&export(Format::Hledger, &bills[..2], &receipts(Side::Owner)));
    });
}

#[test]
fn a_labs_journal_is_its_owners_with_the_other_sign() {
    with(|bills| {
        let labs: Vec<Bill> = bills[..2].iter().map(|bill| Bill { side: Side::Lab, ..*bill }).collect();
        expect![[r#"
            2027-02-10 open Assets:Bank:Orion
            2027-02-01 open Assets:Prepaid:Orion
            2027-02-01 open Expenses:Compute:Orion
            2027-02-01 open Expenses:Taxes:Orion
            2027-02-01 open Income:Credits:Orion
            2027-02-01 open Income:Late:Orion
            2027-02-01 open Income:Lent:Orion
            2027-02-01 open Income:Undelivered:Orion
            2027-02-01 open Liabilities:Payable:Orion

            2027-02-01 * "orion" "contract-00000000000000000000000000000004/1, from 2027-01-01T00:00:00.000Z"
              Liabilities:Payable:Orion                         -1393.057878 USD
              Expenses:Compute:Orion                            1145.761312 USD
              Income:Undelivered:Orion                          -7.60 USD
              Income:Credits:Orion                              -30.00 USD
              Expenses:Taxes:Orion                              89.396566 USD
              Assets:Prepaid:Orion                              200.00 USD
              Income:Late:Orion                                 -2.50 USD
              Income:Lent:Orion                                 -2.00 USD

            2027-02-10 * "orion" "2027-02/0815"
              Liabilities:Payable:Orion                         1300.00 USD
              Assets:Bank:Orion                                 -1300.00 USD

            2027-03-01 * "orion" "contract-00000000000000000000000000000004/2, from 2027-02-01T00:00:00.000Z"
              Liabilities:Payable:Orion                         -1011.00 USD
              Expenses:Compute:Orion                            1000.00 USD
              Income:Undelivered:Orion                          0.00 USD
              Expenses:Taxes:Orion                              81.00 USD
              Assets:Prepaid:Orion                              -70.00 USD
              Income:Late:Orion                                 0.00 USD
              Income:Lent:Orion                                 0.00 USD

            2027-03-12 * "orion" "2027-03/0002"
              Liabilities:Payable:Orion                         1250.50 USD
              Assets:Bank:Orion                                 -1250.50 USD

            2027-03-12 * "orion" "back"
              Liabilities:Payable:Orion                         -33.10 USD
              Assets:Bank:Orion                                 33.10 USD
        "#]]
        .assert_eq(&export(Format::Beancount, &labs, &receipts(Side::Lab)));
    });
}

#[test]
fn names_that_beancount_does_not_know_are_written_otherwise() {
    with(|bills| {
        let bills: Vec<Bill> =
            ["a.b", "a-b", "a_b", "9"].iter().map(|lab| Bill { lab, ..bills[0] }).collect();
        let text = export(Format::Beancount, &bills, &[]);
        let opened = text.lines().filter(|line| line.contains("open Assets"));
        let shown: Vec<&str> = opened.map(|line| line.rsplit(':').next().expect("a part")).collect();
        assert_eq!(shown, ["9", "A-Dot-b", "A-Low-b", "A-b"]);
    });
}

#[test]
fn a_price_of_an_odd_amount_says_what_it_buys() {
    let mut terms = sample::terms();
    terms.guaranteed_price.buys.amount = 250_000_000;
    let invoices = sample::invoices(&terms);
    let bill = Bill { invoice: &invoices[0], terms: &terms, owner: "orion", lab: "lyra", side: Side::Owner };
    let rows = columns(&export(Format::Focus, &[bill], &[]), ["PricingUnit", "PricingQuantity"]);
    assert_eq!(rows[0], ["250 Chip-Seconds", "1440"]);
}
