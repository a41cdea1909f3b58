//! The model sees what is wrong: real journals with one thing changed.

use super::*;
use crate::log::record;
use crate::script::{layout, script};
use crate::world::World;
use sinew_ledger::LineKind;

/// Long enough that everything that is changed below happens.
fn journal() -> Vec<Recorded> {
    let seed = 3;
    let mut world = World::new(&layout(seed), None).expect("a world begins");
    for step in script(seed, 300) {
        world.take(&step).expect("nothing is wrong with this seed");
    }
    world.calm().expect("nothing is wrong with this seed");
    world.journal()
}

/// Shows the model a journal and answers the first thing that is wrong.
fn judge(journal: &[Recorded]) -> Option<Violation> {
    let mut model = Model::default();
    for (seq, recorded) in (1..).zip(journal) {
        let kept = record(recorded);
        let at_ms = u64::try_from(recorded.at.ms()).expect("after 1970");
        let row = Row { seq, at_ms, version: kept.version, body: &kept.body };
        let ends_turn = journal.get(seq as usize).is_none_or(|next| next.at != recorded.at);
        let verdict = model.take(&row, recorded).and_then(|()| model.check(ends_turn));
        if let Err(violation) = verdict {
            return Some(violation);
        }
    }
    None
}

/// Changes the first event for which `change` says that it did.
fn check(invariants: &[u8], what: &str, mut change: impl FnMut(&mut Event) -> bool) {
    let mut journal = journal();
    let changed = journal.iter_mut().any(|recorded| change(&mut recorded.event));
    assert!(changed, "{what}: never happens");
    let found = judge(&journal);
    assert!(
        found.as_ref().is_some_and(|violation| invariants.contains(&violation.invariant)),
        "{what}: {found:?}"
    );
}

/// Records the first event of a kind twice, or not at all.
fn check_count(invariants: &[u8], what: &str, times: usize, is_it: impl Fn(&Event) -> bool) {
    let mut journal = journal();
    let at = journal.iter().position(|recorded| is_it(&recorded.event)).expect(what);
    let one = journal.remove(at);
    (0..times).for_each(|_| journal.insert(at, one.clone()));
    let found = judge(&journal);
    assert!(
        found.as_ref().is_some_and(|violation| invariants.contains(&violation.invariant)),
        "{what}: {found:?}"
    );
}

#[test]
fn a_real_journal_is_right() {
    assert_eq!(judge(&journal()), None);
}

#[test]
fn lost_and_repeated_records_are_seen() {
    check_count(&[6], "usage is lost", 0, |event| matches!(event, Event::UsageRecorded { .. }));
    check_count(&[6], "usage twice", 2, |event| matches!(event, Event::UsageRecorded { .. }));
    check_count(&[4], "a grant twice", 2, |event| matches!(event, Event::LeaseGranted { .. }));
    check_count(&[4], "an end twice", 2, |event| matches!(event, Event::LeaseEnded { .. }));
    check_count(&[1, 4], "an end is lost", 0, |event| matches!(event, Event::LeaseEnded { .. }));
    check_count(&[5], "an answer twice", 2, |event| matches!(event, Event::RequestAnswered { .. }));
    check_count(
        &[6],
        "an invoice twice",
        2,
        |event| matches!(event, Event::Invoiced { invoice } if invoice.records > 0),
    );
}

#[test]
fn wrong_leases_are_seen() {
    check(&[4], "an epoch is skipped", |event| match event {
        Event::LeaseGranted { epoch, .. } => {
            *epoch += 1;
            true
        }
        _ => false,
    });
    check(&[1, 2], "a loan counts as own", |event| match event {
        Event::LeaseGranted { cells, .. } if cells.iter().any(|(_, how)| how != Holding::Own) => {
            *cells = cells.iter().map(|(cell, _)| (cell, Holding::Own)).collect();
            true
        }
        _ => false,
    });
    check(&[3], "a gang gets nothing", |event| match event {
        Event::LeaseGranted { cells, .. } => {
            *cells = sinew_sched::Cells::default();
            true
        }
        _ => false,
    });
    check(&[1], "a later deadline than the notice", |event| match event {
        Event::LeaseNotified { deadline, .. } => {
            *deadline = deadline.plus(sinew_types::Span::from_ms(60_000));
            true
        }
        _ => false,
    });
}

#[test]
fn wrong_bills_are_seen() {
    check(&[6], "a line costs one unit more", |event| match event {
        Event::Invoiced { invoice } => {
            let line = invoice.lines.iter_mut().find(|line| line.kind == LineKind::Borrowed);
            line.expect("both lines are there").amount.units += 1;
            true
        }
        _ => false,
    });
    check(&[6], "a posting is off", |event| match event {
        Event::Invoiced { invoice } => {
            invoice.transaction.postings[0].money.units += 1;
            true
        }
        _ => false,
    });
    check(&[6], "a chip is billed twice", |event| match event {
        Event::UsageRecorded { record } => {
            record.own_chip_milli += 1_000;
            true
        }
        _ => false,
    });
}

#[test]
fn a_reason_that_names_a_rival_is_seen() {
    let name: Name = "somebody-elses".parse().expect("a name");
    check(&[7], "behind a rival", |event| match event {
        Event::WaitChanged { why, .. } => {
            *why = Wait::Behind { ahead: name.clone() };
            true
        }
        _ => false,
    });
}

/// The first story in which a lease fails and a guarantee cannot be held.
fn journal_with_failures() -> Vec<Recorded> {
    let has = |journal: &[Recorded], is_it: fn(&Event) -> bool| journal.iter().any(|r| is_it(&r.event));
    let story = |seed| {
        let mut world = World::new(&layout(seed), None).expect("a world begins");
        script(seed, 120).iter().for_each(|step| world.take(step).expect("nothing is wrong with this seed"));
        world.journal()
    };
    let failed = |event: &Event| matches!(event, Event::LeaseFailed { .. });
    let impaired = |event: &Event| matches!(event, Event::ContractImpaired { .. });
    let found = (1..100).map(story).find(|journal| has(journal, failed) && has(journal, impaired));
    found.expect("hardware fails in some of a hundred stories")
}

#[test]
fn failures_that_nobody_acts_on_are_seen() {
    let journal = journal_with_failures();
    assert_eq!(judge(&journal), None);
    let is_failed = |recorded: &&Recorded| matches!(recorded.event, Event::LeaseFailed { .. });
    let is_impaired = |recorded: &&Recorded| matches!(recorded.event, Event::ContractImpaired { .. });
    let without = |at: usize| [&journal[..at], &journal[at + 1..]].concat();
    let place =
        |is_it: &dyn Fn(&&Recorded) -> bool| journal.iter().position(|r| is_it(&r)).expect("it is there");
    let (failed, impaired) = (place(&is_failed), place(&is_impaired));
    let invariant = |journal: &[Recorded]| judge(journal).map(|violation| violation.invariant);
    assert_eq!(invariant(&without(failed)), Some(1), "a lease stays on failed cells");
    assert_eq!(invariant(&without(impaired)), Some(1), "nobody says what is missing");
}

/// The first story in which a start is planned and a plan is off.
fn journal_with_plans() -> Vec<Recorded> {
    let has = |journal: &[Recorded], is_it: fn(&Event) -> bool| journal.iter().any(|r| is_it(&r.event));
    let story = |seed| {
        let mut world = World::new(&layout(seed), None).expect("a world begins");
        script(seed, 120).iter().for_each(|step| world.take(step).expect("nothing is wrong with this seed"));
        world.journal()
    };
    let planned = |event: &Event| matches!(event, Event::StartPlanned { .. });
    let off = |event: &Event| matches!(event, Event::StartUnplanned { .. });
    let found = (1..100).map(story).find(|journal| has(journal, planned) && has(journal, off));
    found.expect("starts are planned in some of a hundred stories")
}

#[test]
fn planned_starts_that_slip_are_seen() {
    let journal = journal_with_plans();
    assert_eq!(judge(&journal), None);
    let spoiled = |change: &dyn Fn(&mut Event) -> bool| {
        let mut spoiled = journal.clone();
        assert!(spoiled.iter_mut().any(|recorded| change(&mut recorded.event)), "there is one to spoil");
        judge(&spoiled).map(|violation| violation.invariant)
    };
    let sooner = |event: &mut Event| match event {
        Event::StartPlanned { by, .. } => {
            *by = by.minus(sinew_types::Span::from_ms(3_600_000));
            true
        }
        _ => false,
    };
    assert_eq!(spoiled(&sooner), Some(1), "the cells are not free by then");
    let elsewhere = |event: &mut Event| match event {
        Event::StartPlanned { cells, .. } => {
            cells.clear();
            true
        }
        _ => false,
    };
    assert_eq!(spoiled(&elsewhere), Some(3), "nothing is kept for it");
    let closed = |event: &mut Event| match event {
        Event::StartUnplanned { why, .. } if *why != sinew_sched::Unplanned::Closed => {
            *why = sinew_sched::Unplanned::Closed;
            true
        }
        _ => false,
    };
    assert_eq!(spoiled(&closed), Some(1), "nothing closed");
    let off = journal.iter().position(|r| matches!(r.event, Event::StartUnplanned { .. })).expect("one");
    let unsaid = [&journal[..off], &journal[off + 1..]].concat();
    assert_eq!(judge(&unsaid).map(|violation| violation.invariant), Some(1), "nobody says that it is off");
}
