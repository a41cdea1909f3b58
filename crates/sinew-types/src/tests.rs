use crate::*;
use std::collections::BTreeMap;

/// Reads text as `T` and shows it again, or shows why it was refused.
fn shown<T: std::str::FromStr<Err = Malformed> + std::fmt::Display>(text: &str) -> String {
    text.parse::<T>().map_or_else(|wrong| wrong.to_string(), |read| read.to_string())
}

#[test]
fn times_are_read_and_written() {
    for (text, expected) in [
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("2026-11-22T17:30:08Z", "2026-11-22T17:30:08.000Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ("2000-02-29", "2000-02-29T00:00:00.000Z"),
    ] {
        assert_eq!(shown::<Instant>(text), expected);
    }
    for wrong in [
        "2026-02-29",
        "2026-13-01",
        "2026-1",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:00:00",
        "",
        "+026-01-01",
    ] {
        assert!(wrong.parse::<Instant>().is_err(), "{wrong}");
    }
}

#[test]
fn every_day_of_four_centuries_has_one_date() {
    let mut previous = (0, 0, 0);
    for day in -146_097..146_097_i64 {
        let at = Instant::from_ms(day * 86_400_000);
        let (year, month, day) = at.date();
        assert!((year, month, day) > previous || previous == (0, 0, 0));
        previous = (year, month, day);
        assert_eq!(at.to_string().parse::<Instant>(), Ok(at));
    }
}

#[test]
fn spans_are_read_and_written() {
    for text in ["0s", "250ms", "5s", "1m12s", "2h", "1d2h3m4s5ms"] {
        let read = if text == "0s" { Span::from_ms(0) } else { text.parse().expect("a span") };
        assert_eq!(read.to_string(), text);
    }
    for wrong in ["", "5", "s", "5 s", "5y", "-5s", "99999999999999999999s", "18446744073709551615d"] {
        assert!(wrong.parse::<Span>().is_err(), "{wrong}");
    }
}

#[test]
fn shapes_are_read_and_written() {
    for (text, expected) in [
        ("8 chips", "8 chips"),
        ("1 core", "1 chip"),
        ("3 hosts", "3 hosts"),
        ("1 domain", "1 domain"),
        ("2x2x4", "2x2x4"),
    ] {
        assert_eq!(shown::<Shape>(text), expected);
    }
    for wrong in ["", "8", "8 apples", "-1 chips", "2x2", "0x2x2", "2x2x2x2"] {
        assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
    }
}

#[test]
fn money_keeps_every_digit() {
    for (text, expected) in [
        ("1.90 USD", "1.90 USD"),
        ("0.000487 USD", "0.000487 USD"),
        ("-3 EUR", "-3.00 EUR"),
        ("12.345600 USD", "12.3456 USD"),
    ] {
        assert_eq!(shown::<Money>(text), expected);
    }
    for wrong in ["1.90", "1.9000001 USD", "USD", "1,90 USD", "1.90 usd", "9999999999999999999 USD"] {
        assert!(wrong.parse::<Money>().is_err(), "{wrong}");
    }
}

#[test]
fn a_price_charges_exactly_and_rounds_once() {
    let price: Price = "0.01 USD/chip-hour".parse().expect("a price");
    let charge = |seconds: u64, rule| {
        let used = Quantity::chip_time(1_000, Span::from_ms(seconds * 1_000));
        price.charge(used, rule).expect("same meter").units
    };
    // 10,000 units an hour: 72 s are exactly 200, 1 s is 2.777..., 0.18 s is exactly half a unit.
    assert_eq!(charge(72, Rounding::HalfEven), 200);
    assert_eq!(
        [charge(1, Rounding::Down), charge(1, Rounding::HalfEven), charge(1, Rounding::Up)],
        [2, 3, 3]
    );
    let half = Quantity::chip_time(1_000, Span::from_ms(180));
    assert_eq!(price.charge(half, Rounding::HalfEven).expect("same meter").units, 0);
    let three_halves = Quantity::chip_time(1_000, Span::from_ms(540));
    assert_eq!(price.charge(three_halves, Rounding::HalfEven).expect("same meter").units, 2);
}

#[test]
fn a_price_says_its_unit() {
    assert_eq!(shown::<Price>("0.80 USD/core-hour"), "0.80 USD/chip-hour");
    for wrong in ["0.80 USD", "0.80 USD/hour", "-1 USD/chip-hour", "0.8/chip-hour"] {
        assert!(wrong.parse::<Price>().is_err(), "{wrong}");
    }
}

#[test]
fn identities_name_their_kind() {
    let id = WorkloadId::from_bits(0xabc);
    assert_eq!(id.to_string(), "workload-00000000000000000000000000000abc");
    assert_eq!(id.to_string().parse::<WorkloadId>(), Ok(id));
    assert!(id.to_string().parse::<OrgId>().is_err());
    assert!("org-ABC".parse::<OrgId>().is_err());
}

#[test]
fn names_are_safe_in_paths() {
    for good in ["a", "chat-nano", "x.y_z", "0"] {
        assert!(good.parse::<Name>().is_ok(), "{good}");
    }
    for wrong in ["", ".", "..", "-x", "A", "a/b", "a b", "é", &"x".repeat(64)] {
        assert!(wrong.parse::<Name>().is_err(), "{wrong}");
    }
}

#[test]
fn the_canonical_form_is_one_text() {
    let part = Part {
        role: "main".parse().expect("a name"),
        least: Shape::Chips(1),
        most: Shape::Chips(2),
        program: Program {
            argv: vec!["sh".to_owned(), "-c".to_owned(), "echo \"hé\"\n\u{1}".to_owned()],
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            bundle: None,
            inputs: BTreeMap::new(),
            network: Network::None,
        },
        pools: vec![],
    };
    let text = part.to_value().to_json();
    let expected = concat!(
        r#"{"least":"1 chip","most":"2 chips","pools":[],"program":{"argv":["sh","-c","echo \"hé\"\n\u0001"],"#,
        r#""env":[["A","1"]],"inputs":[],"network":{"is":"none"}},"role":"main"}"#
    );
    assert_eq!(text, expected);
    assert_eq!(Part::from_value(&part.to_value()), Ok(part));
}

#[test]
fn unknown_and_missing_fields_are_named() {
    let mut value = Resources::default().to_value();
    if let Value::Map(map) = &mut value {
        map.insert("gpus".to_owned(), Value::Int(1));
    }
    assert_eq!(
        Resources::from_value(&value).expect_err("unknown").to_string(),
        "`gpus` is not a known field"
    );
    let empty = Value::Map(BTreeMap::new());
    assert_eq!(
        Resources::from_value(&empty).expect_err("missing").to_string(),
        "chip_milli: `nothing` is not an integer"
    );
}

#[test]
fn large_integers_are_text_and_come_back() {
    for n in [0, -1, (1 << 53) - 1, 1 << 53, -(1 << 53), i128::MAX, i128::MIN + 1] {
        assert_eq!(i128::from_value(&n.to_value()), Ok(n));
    }
    assert_eq!((1_i128 << 53).to_value().to_json(), "\"9007199254740992\"");
    assert!(u32::from_value(&Value::Int(-1)).is_err());
    assert!(i128::from_value(&Value::Text("7".to_owned())).is_err(), "small integers have one form");
}

#[test]
fn a_flat_pool_is_a_tree() {
    let each = Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 };
    let pool = Topology::flat(&[0, 1], "cpu-core", each);
    assert_eq!(pool.chip_count(), 2);
    assert_eq!(pool.chips().map(|chip| pool.device(chip)).collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert_eq!(Topology::from_value(&pool.to_value()), Ok(pool));
}

#[test]
fn the_first_form_of_a_pool_is_still_read() {
    let each = Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 };
    let level = |name: &str| Value::Map(BTreeMap::from([("is".to_owned(), name.to_owned().to_value())]));
    let cell = |name: &str, fields: &[(&str, Value)]| {
        let mut map: BTreeMap<String, Value> =
            fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
        map.insert("level".to_owned(), level(name));
        map.insert("model".to_owned(), "cpu-core".to_owned().to_value());
        map.insert("resources".to_owned(), each.to_value());
        Value::Map(map)
    };
    let chip = |device: u32| cell("chip", &[("parent", 1_u32.to_value()), ("device", device.to_value())]);
    let cells = vec![cell("pool", &[]), cell("host", &[("parent", 0_u32.to_value())]), chip(4), chip(6)];
    let listed = Value::Map(BTreeMap::from([("cells".to_owned(), Value::List(cells))]));
    assert_eq!(Topology::from_value(&listed), Ok(Topology::flat(&[4, 6], "cpu-core", each)));
}

#[test]
fn a_pool_of_a_million_chips_is_a_few_numbers() {
    let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
    let tier = |level, count| Tier { level, count };
    let tiers =
        vec![tier(Level::Pod, 109), tier(Level::Domain, 144), tier(Level::Host, 16), tier(Level::Chip, 4)];
    let pool = Topology::regular("tpu7x", each, tiers, Fabric::Switched).expect("a pool");
    assert_eq!((pool.chip_count(), pool.chips_of(Level::Pod)), (1_004_544, Some(9_216)));
    assert_eq!(pool.first_chip().0, 1 + 109 + 109 * 144 + 109 * 144 * 16);
    assert_eq!(Topology::from_value(&pool.to_value()), Ok(pool));
    let wrong = |tiers, fabric| Topology::regular("x", each, tiers, fabric).expect_err("no pool");
    let (hosts, chips) = (tier(Level::Host, 2), tier(Level::Chip, 8));
    assert_eq!(wrong(vec![chips, hosts], Fabric::Switched), TopologyFlaw::OutOfOrder { level: Level::Host });
    assert_eq!(wrong(vec![hosts], Fabric::Switched), TopologyFlaw::NoChips);
    assert_eq!(
        wrong(vec![hosts, tier(Level::Chip, 0)], Fabric::Switched),
        TopologyFlaw::Empty { level: Level::Chip }
    );
    let many = tier(Level::Pod, u32::MAX);
    assert_eq!(wrong(vec![many, hosts, chips], Fabric::Switched), TopologyFlaw::TooLarge);
    let loose = Tier { level: Level::Chip, count: Topology::SMALL_CELLS_MAX * 2 };
    assert_eq!(wrong(vec![loose], Fabric::Switched), TopologyFlaw::TooLarge);
    let torus = Fabric::Torus { x: 2, y: 2, z: 0 };
    assert_eq!(
        wrong(vec![tier(Level::Domain, 4), chips], torus),
        TopologyFlaw::TorusSize { torus: 0, domains: 4 }
    );
}

#[test]
fn a_region_is_a_range_of_chips() {
    let tier = |level, count| Tier { level, count };
    let tiers =
        vec![tier(Level::Pod, 3), tier(Level::Domain, 4), tier(Level::Host, 16), tier(Level::Chip, 4)];
    let pool = Topology::regular("tpu7x", Resources::default(), tiers, Fabric::Switched).expect("a pool");
    let first = pool.first_chip().0;
    let range = |text: &str| {
        let region: Region = text.parse().expect("a region");
        assert_eq!(region.to_string(), text.replace("cube", "domain"));
        pool.region(&region).map(|range| (range.first.0 - first, range.count))
    };
    assert_eq!(range(""), Ok((0, 768)));
    assert_eq!(range("pod-2"), Ok((512, 256)));
    assert_eq!(range("pod-2/cube-1/host-3/chip-2"), Ok((512 + 64 + 12 + 2, 1)));
    assert_eq!(range("host-17"), Ok((68, 4)));
    assert_eq!(range("pod-3"), Err(RegionFlaw::TooFar { level: Level::Pod, count: 3 }));
    assert_eq!(range("pod-1/host-64"), Err(RegionFlaw::TooFar { level: Level::Host, count: 64 }));
    assert_eq!(range("rack-0"), Err(RegionFlaw::NoLevel { level: Level::Rack }));
    assert_eq!(range("host-0/pod-0"), Err(RegionFlaw::NoLevel { level: Level::Pod }));
    for wrong in ["pod", "pod-", "pod--1", "pod-+1", "pod-1/", "shelf-1", "pod-99999999999", "/pod-1"] {
        assert!(wrong.parse::<Region>().is_err(), "{wrong}");
    }
}

#[test]
fn shares_are_read_as_they_are_written() {
    for text in ["1x460m 6000m 12288Mi", "8x1000m 64000m 0Mi on 0|3", "0x0m 12500m 57344Mi"] {
        let shape: Shape = text.parse().expect("a share");
        assert!(matches!(shape, Shape::Share(_)));
        assert_eq!(shape.to_string(), text);
        assert_eq!(Shape::from_value(&shape.to_value()).expect("its own form"), shape);
    }
}

#[test]
fn a_share_is_no_more_than_a_device_and_several_are_whole() {
    let wrong = ["1x1001m 1m 1Mi", "2x500m 1m 1Mi", "1x0m 1m 1Mi", "0x10m 1m 1Mi", "1x-5m 1m 1Mi", "1x5m 1m"];
    for text in wrong.into_iter().chain([
        "1x5m 1m 1Mi on 32",
        "1x5m 1m 1Mi on",
        "1x5m 1m 1Mi 1",
        "70000x1000m 1m 1Mi",
    ]) {
        assert!(text.parse::<Shape>().is_err(), "{text}");
    }
}

#[test]
fn hosts_in_parts_come_back_from_their_form_and_wrong_ones_do_not() {
    let hosts =
        |count, devices| Hosts { count, model: "G2".to_owned(), devices, cpu_milli: 96_000, memory_mib: 9 };
    let pool = Topology::in_parts(vec![hosts(2, 8), hosts(1, 0)], 100).expect("a pool");
    assert_eq!((pool.chip_count(), pool.models()), (1_900, vec!["G2"]));
    assert_eq!(Topology::from_value(&pool.to_value()).expect("its own form"), pool);
    assert_eq!(Topology::in_parts(vec![hosts(1, 8)], 3), Err(TopologyFlaw::Parts { parts: 3 }));
    assert_eq!(Topology::in_parts(vec![hosts(1, 8)], 0), Err(TopologyFlaw::Parts { parts: 0 }));
    assert_eq!(Topology::in_parts(vec![hosts(0, 8)], 10), Err(TopologyFlaw::Empty { level: Level::Host }));
    assert_eq!(Topology::in_parts(vec![hosts(u32::MAX, 8)], 10), Err(TopologyFlaw::TooLarge));
    assert!(Topology::in_parts(Vec::new(), 10).is_err());
}
