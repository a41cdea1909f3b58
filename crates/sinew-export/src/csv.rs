//! Comma-separated values, as RFC 4180 has them.

use crate::{Bill, number};

/// One row: fields that need it stand in quotes.
pub(crate) fn row<T: AsRef<str>>(fields: &[T]) -> String {
    let quoted = |field: &T| {
        let field = field.as_ref();
        let plain = !field.contains(['"', ',', '\n', '\r']);
        if plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
    };
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    format!("{}\r\n", fields.join(","))
}

const HEAD: [&str; 12] = [
    "invoice", "owner", "lab", "from", "to", "line", "kind", "used", "price", "amount", "currency", "clause",
];

/// One row for each line of each invoice.
pub(crate) fn lines(bills: &[Bill]) -> String {
    let mut text = row(&HEAD);
    for bill in bills {
        let invoice = bill.invoice;
        for (at, line) in (1_u32..).zip(&invoice.lines) {
            text.push_str(&row(&[
                bill.name(),
                bill.owner.to_owned(),
                bill.lab.to_owned(),
                invoice.from.to_string(),
                invoice.to.to_string(),
                at.to_string(),
                line.kind.word().to_owned(),
                line.used.map_or_else(String::new, |used| used.to_string()),
                line.price.as_ref().map_or_else(String::new, ToString::to_string),
                number::of(&line.amount),
                line.amount.asset.code().to_owned(),
                bill.clause(line.clause),
            ]));
        }
    }
    text
}
