//! The average against the formula in floating point.

use super::*;
use proptest::prelude::*;

fn ms(at: u64) -> Instant {
    Instant::from_ms(i64::try_from(at).expect("a moment"))
}

#[test]
fn a_half_life_halves() {
    let mut past = PastUse::default();
    past.add(100, ms(0), ms(400 * HALF_LIFE.ms()));
    let full = past.at(ms(400 * HALF_LIFE.ms()));
    assert_eq!(full, 100 * CHIP, "held for ever, the average is what is held");
    assert_eq!(past.at(ms(401 * HALF_LIFE.ms())), 50 * CHIP);
    assert_eq!(past.at(ms(403 * HALF_LIFE.ms())) / CHIP, 12);
    assert_eq!(past.at(ms(500 * HALF_LIFE.ms())), 0);
}

proptest! {
    #[test]
    fn leases_in_any_order_add_up(leases in prop::collection::vec((1_u32..1_000, 0_u64..400_000_000, 1_u64..90_000_000), 1..20)) {
        let now = leases.iter().map(|(_, from, lasted)| from + lasted).max().unwrap_or(0);
        let mut past = PastUse::default();
        let mut exact = 0.0;
        for (chips, from, lasted) in &leases {
            past.add(*chips, ms(*from), ms(from + lasted));
            let left = |at: u64| (-((now - at) as f64) / HALF_LIFE.ms() as f64).exp2();
            exact += f64::from(*chips) * (left(from + lasted) - left(*from));
        }
        let found = past.at(ms(now)) as f64 / CHIP as f64;
        let slack = exact * 0.01 + 0.01 * leases.len() as f64;
        prop_assert!((found - exact).abs() <= slack, "{found} for {exact}");
    }
}
