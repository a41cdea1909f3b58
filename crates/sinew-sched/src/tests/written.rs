//! Cells as they are written down.

use crate::*;
use sinew_types::{Canonical, CellIndex, Value};

fn run(first: u32, count: u32, holding: Holding) -> Run {
    Run { first: CellIndex(first), count, holding }
}

#[test]
fn cells_come_back_as_runs() {
    let lent = Holding::Borrowed { lender: Account::Owner };
    let mut cells = Cells::default();
    for added in [run(2, 3, Holding::Own), run(5, 1, Holding::Own), run(6, 2, lent), run(9, 1, lent)] {
        cells.push(added);
    }
    assert_eq!(cells.runs().len(), 3, "neighbours that are held alike are one run");
    assert_eq!((cells.chips(), cells.own_and_borrowed()), (7, (4, 3)));
    assert_eq!((cells.get(CellIndex(5)), cells.get(CellIndex(8))), (Some(Holding::Own), None));
    assert_eq!(Cells::from_value(&cells.to_value()), Ok(cells.clone()));
    let other: Cells = [(CellIndex(8), lent)].into_iter().collect();
    assert!(!cells.overlaps(&other) && cells.overlaps(&cells));
}

#[test]
fn the_first_form_lists_chips_one_by_one() {
    let pair = |chip: u32, how: Holding| Value::List(vec![CellIndex(chip).to_value(), how.to_value()]);
    let lent = Holding::Borrowed { lender: Account::Owner };
    let listed = Value::List(vec![pair(2, Holding::Own), pair(3, Holding::Own), pair(4, lent)]);
    let cells = Cells::from_value(&listed).expect("the first form is read");
    assert_eq!(cells.runs(), [run(2, 2, Holding::Own), run(4, 1, lent)]);
}

#[test]
fn runs_that_overlap_or_hold_nothing_are_refused() {
    let written = |first: u32, count: u32| {
        Value::List(vec![CellIndex(first).to_value(), count.to_value(), Holding::Own.to_value()])
    };
    for wrong in [
        vec![written(2, 3), written(4, 1)],
        vec![written(2, 0)],
        vec![written(u32::MAX, 2)],
        vec![Value::Null],
        vec![Value::List(vec![])],
    ] {
        assert!(Cells::from_value(&Value::List(wrong.clone())).is_err(), "{wrong:?}");
    }
}
