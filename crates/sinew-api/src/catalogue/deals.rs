//! What is wrong with a row of a table of deals.

use super::Lang;
use sinew_circulation::{Complaint, KINDS, Wrong};

/// A sentence with the line and what to do.
#[must_use]
pub fn complaint_text(lang: Lang, complaint: &Complaint) -> String {
    let sentence = match lang {
        Lang::En => english(&complaint.wrong),
        Lang::Fr => french(&complaint.wrong),
    };
    let line = complaint.line;
    lang.pick(format!("line {line}: {sentence}"), format!("ligne {line} : {sentence}"))
}

fn kinds() -> String {
    KINDS.map(|(word, _)| word).join(", ")
}

const STATUSES: &str = "closed, committed, announced, reported, contingent, cancelable, proxy, superseded, \
                        loi_lapsed, unsourced";

fn english(wrong: &Wrong) -> String {
    match wrong {
        Wrong::NoColumn(name) => format!(
            "there is no column `{name}`; the first line names date, from, to, kind, amount_usd (or another currency), \
             status and source"
        ),
        Wrong::UnknownCurrency(code) => {
            format!("`{code}` is no currency that is known; name the column as in amount_usd or amount_eur")
        }
        Wrong::Cells { expected, found } => {
            format!(
                "{found} cells where the first line has {expected}; put quotes around a cell that holds a comma"
            )
        }
        Wrong::OpenQuote => {
            "a quote opens here and never closes; close it, or double it inside a cell".to_owned()
        }
        Wrong::Empty(column) => format!("`{column}` is empty; say it, or take the row out"),
        Wrong::Date(text) => {
            format!("`{text}` is no date; write 2025, 2025-09, 2025-09-22, or two of them with / between")
        }
        Wrong::Separator(text) => {
            format!(
                "the amount `{text}` has separators between thousands; write digits only, as in 13000000000"
            )
        }
        Wrong::Amount(text) => format!(
            "the amount `{text}` is no number of at most 18 digits before and 6 behind the point; the currency stands \
             in the column's name"
        ),
        Wrong::Negative(text) => {
            format!("the amount `{text}` is below zero; swap `from` and `to` where money goes the other way")
        }
        Wrong::UnknownStatus(text) => format!("`{text}` is no status; the statuses are {STATUSES}"),
        Wrong::UnknownKind(text) => format!("`{text}` is no kind of deal; the kinds are {}", kinds()),
        Wrong::NoSource => {
            "there is no source; name one, or give the row the status unsourced, and it enters no total"
                .to_owned()
        }
        Wrong::Itself(name) => format!("`{name}` gives to itself; take the row out or name the other party"),
        Wrong::Repeats(line) => {
            format!("this is the deal of line {line} again; take one out, or tell their dates apart")
        }
    }
}

fn french(wrong: &Wrong) -> String {
    match wrong {
        Wrong::NoColumn(name) => format!(
            "la colonne `{name}` manque ; la première ligne nomme date, from, to, kind, amount_usd (ou une autre \
             monnaie), status et source"
        ),
        Wrong::UnknownCurrency(code) => {
            format!(
                "`{code}` n'est pas une monnaie connue ; nommez la colonne amount_usd ou amount_eur, par exemple"
            )
        }
        Wrong::Cells { expected, found } => format!(
            "{found} cellules alors que la première ligne en a {expected} ; mettez entre guillemets une cellule qui \
             contient une virgule"
        ),
        Wrong::OpenQuote => {
            "un guillemet s'ouvre ici et ne se ferme pas ; fermez-le, ou doublez-le dans une cellule"
                .to_owned()
        }
        Wrong::Empty(column) => format!("`{column}` est vide ; remplissez-la ou retirez la ligne"),
        Wrong::Date(text) => format!(
            "`{text}` n'est pas une date ; écrivez 2025, 2025-09, 2025-09-22, ou deux dates séparées par /"
        ),
        Wrong::Separator(text) => format!(
            "le montant `{text}` a des séparateurs de milliers ; écrivez les chiffres seuls, comme 13000000000"
        ),
        Wrong::Amount(text) => format!(
            "le montant `{text}` n'est pas un nombre d'au plus 18 chiffres avant le point et 6 après ; la monnaie est \
             dans le nom de la colonne"
        ),
        Wrong::Negative(text) => format!(
            "le montant `{text}` est négatif ; échangez `from` et `to` si l'argent va dans l'autre sens"
        ),
        Wrong::UnknownStatus(text) => format!("`{text}` n'est pas un statut ; les statuts sont {STATUSES}"),
        Wrong::UnknownKind(text) => format!("`{text}` n'est pas un genre ; les genres sont {}", kinds()),
        Wrong::NoSource => {
            "la source manque ; nommez-en une, ou donnez à la ligne le statut unsourced, et elle \
                            n'entre dans aucun total"
                .to_owned()
        }
        Wrong::Itself(name) => {
            format!("`{name}` se donne à lui-même ; retirez la ligne ou nommez l'autre partie")
        }
        Wrong::Repeats(line) => {
            format!(
                "c'est de nouveau l'opération de la ligne {line} ; retirez-en une, ou distinguez leurs dates"
            )
        }
    }
}
