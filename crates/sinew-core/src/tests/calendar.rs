//! Contracts that hold in windows.

use super::world::*;
use crate::*;
use sinew_contract::{Expanded, Window};
use sinew_sched::{Wait, Why};
use sinew_types::*;

fn second(seconds: i64) -> Instant {
    Instant::from_ms(1_000_000 + seconds * 1_000)
}

fn windows(pairs: &[(i64, i64)]) -> Option<Expanded> {
    let window = |(starts, ends): &(i64, i64)| Window { starts: second(*starts), ends: second(*ends) };
    Some(Expanded { windows: pairs.iter().map(window).collect(), zone_data: "2026a".to_owned() })
}

fn with_calendar(world: &mut World, lab: u128, expanded: Option<Expanded>) -> Result<ContractId, Refusal> {
    world.contract_in(lab, expanded, |terms| {
        terms.calendar = Some("daily 20:00-06:00 Europe/Zurich".parse().expect("a window"));
        (terms.borrow_limit, terms.lend_limit) = (Shape::Chips(0), Shape::Chips(0));
    })
}

#[test]
fn a_window_opens_closes_and_opens_again() {
    let mut world = World::new(1, 1);
    with_calendar(&mut world, 2, windows(&[(100, 200), (300, 400)])).expect("it fits");
    let own = world.submit(OWNER, 1, 1).expect("the owner may");
    assert!(world.workload(own).lease().is_some(), "between windows the cells are lent to anybody");
    let waits = world.submit(2, 1, 1).expect("the lab may");
    let why = |world: &World| match &world.workload(waits).phase {
        Phase::Waiting { why, .. } => why.clone(),
        _ => None,
    };
    assert_eq!(why(&world), Some(Wait::NotBegun { starts: second(100) }));
    world.pass(93_000);
    assert!(world.workload(own).lease().is_some_and(|lease| lease.notice.is_some()), "recalled in time");
    world.pass(5_000);
    assert!(world.workload(own).lease().is_none() && world.workload(waits).lease().is_none());
    world.pass(2_000);
    assert_eq!(world.workload(waits).lease().map(|lease| lease.granted_at), Some(second(100)));
    let last = all_orders(world.control.state()).into_iter().find_map(|order| match order {
        Order::Start { id, last, .. } if id == waits => last,
        _ => None,
    });
    assert_eq!(
        last,
        Some(LastMoments { notice_at: second(193), kill_at: second(198) }),
        "its supervisor knows"
    );
    world.pass(93_000);
    let notice = world.workload(waits).lease().and_then(|lease| lease.notice.clone());
    assert_eq!(notice.map(|notice| notice.why), Some(Why::ContractEnds));
    world.pass(5_000);
    assert_eq!(why(&world), Some(Wait::NotBegun { starts: second(300) }));
    assert!(world.workload(own).lease().is_some(), "and lent again");

    let state = State::from_value(&world.control.state().to_value()).expect("a state comes back");
    let mut again = Control::new(state);
    let tick = Request { actor: Actor::System, key: None, command: Command::Tick };
    again.handle(second(293), &tick).expect("a tick");
    again.settle(second(293));
    let told = again.state().workloads[&own].lease().and_then(|lease| lease.notice.clone());
    assert!(told.is_some(), "the next window is prepared after a restart as well");
}

#[test]
fn windows_that_do_not_belong_to_the_terms_are_refused() {
    let mut world = World::new(1, 1);
    let none = with_calendar(&mut world, 2, windows(&[]));
    assert!(matches!(none, Err(Refusal::NoWindow { .. })), "{none:?}");
    for wrong in [
        &[(100, 106)][..],
        &[(-1, 100)],
        &[(100, 3_601)],
        &[(100, 200), (199, 300)],
        &[(300, 400), (100, 200)],
        &[(200, 100)],
    ] {
        assert_eq!(with_calendar(&mut world, 2, windows(wrong)), Err(Refusal::WindowsAmiss), "{wrong:?}");
    }
    let many: Vec<(i64, i64)> = (0..4_001).map(|night| (night, night + 1)).collect();
    assert_eq!(with_calendar(&mut world, 2, windows(&many)), Err(Refusal::TooManyWindows { most: 4_000 }));
    assert_eq!(world.control.state().contracts.len(), 0);
}

#[test]
fn a_term_longer_than_the_longest_window_is_refused() {
    let mut world = World::new(1, 1);
    let term = Span::from_ms(100_001);
    let refused = world.contract_in(2, windows(&[(100, 150), (300, 400)]), |terms| {
        terms.calendar = Some("daily 20:00-06:00 Europe/Zurich".parse().expect("a window"));
        terms.minimum_term = Some(term);
    });
    let lasts = Span::from_ms(100_000);
    assert_eq!(refused, Err(Refusal::Terms(sinew_contract::Flaw::TermTooLong { term, lasts })));
}
