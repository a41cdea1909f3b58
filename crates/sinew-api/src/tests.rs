use crate::*;
use sinew_contract::{ClauseFlaw, Flaw};
use sinew_core::{Control, Event, Exit, Recorded, Refusal, Role, Thing};
use sinew_ledger::{Invoice, Payment, Transaction};
use sinew_sched::Wait;
use sinew_types::{ContractId, Instant, Level, Money, Name, OrgId, RegionFlaw, ReleaseRef, Shape, Span};

fn name() -> Name {
    "train-12".parse().expect("a name")
}

/// One of each refusal. A new variant that is missing here is caught by the empty sentence that it would get.
fn refusals() -> Vec<Refusal> {
    let chips = Shape::Chips;
    let at = Instant::from_ms;
    vec![
        Refusal::NotFound { thing: Thing::Pool, name: "north".to_owned() },
        Refusal::NameTaken { thing: Thing::Workload, name: name() },
        Refusal::NotAllowed { needs: Role::Sign },
        Refusal::OperatorOnly,
        Refusal::KeyReused { key: "k".to_owned() },
        Refusal::NoPublicKey { organisation: name() },
        Refusal::PublicKeySet,
        Refusal::NoWeight,
        Refusal::NoWindow { calendar: "daily 01:00-02:00 UTC".to_owned(), bound: Span::from_ms(1) },
        Refusal::TooManyWindows { most: 4_000 },
        Refusal::WindowsAmiss,
        Refusal::NoTree { organisation: name(), under: name(), deepest: 8 },
        Refusal::NoSuchCells {
            region: "pod-9".parse().expect("a region"),
            flaw: RegionFlaw::TooFar { level: Level::Pod, count: 3 },
        },
        Refusal::NoSuchCells {
            region: "rack-0".parse().expect("a region"),
            flaw: RegionFlaw::NoLevel { level: Level::Rack },
        },
        Refusal::WrongSignature,
        Refusal::Terms(Flaw::EndsBeforeStart { starts: at(1), ends: at(0) }),
        Refusal::Terms(Flaw::MixedAssets {
            guaranteed: "USD".parse().expect("an asset"),
            borrowed: "EUR".parse().expect("an asset"),
        }),
        Refusal::Terms(Flaw::PromisesNothing),
        Refusal::Terms(Flaw::WithItself),
        Refusal::Terms(Flaw::TermTooLong { term: Span::from_ms(2), lasts: Span::from_ms(1) }),
        Refusal::PoolInParts { pool: name() },
        Refusal::NoRoomInShape { behind: None },
        Refusal::NoRoomInShape { behind: Some("lyra".parse().expect("a name")) },
        Refusal::Terms(Flaw::NoTime { part: "notice" }),
        Refusal::Terms(Flaw::TooDear { price: "10000001.00 USD/chip-hour".parse().expect("a price") }),
        Refusal::AlreadyOver { ends: at(0) },
        Refusal::PromisesTooMuch { asked: 3, unpromised: 1 },
        Refusal::NotOffered,
        Refusal::ContractIdTaken,
        Refusal::NoLongerFits,
        Refusal::NoRoles,
        Refusal::EmptyPool,
        Refusal::DeviceTaken { device: 1 },
        Refusal::DeviceTwice { device: 1 },
        Refusal::InBatch { at: 2, why: Box::new(Refusal::EmptyProgram) },
        Refusal::TooManyWorkloads { most: 9 },
        Refusal::PartCount { parts: 2 },
        Refusal::EmptyProgram,
        Refusal::LeastAboveMost { least: chips(2), most: chips(1) },
        Refusal::ShapeUnknown { shape: Shape::Hosts(1) },
        Refusal::ShapeEmpty,
        Refusal::NeverFits { asked: chips(9), largest: chips(2) },
        Refusal::NoCapacity,
        Refusal::WhichPool { pools: vec![name()] },
        Refusal::LimitTooShort { limit: Span::from_ms(1), notice: Span::from_ms(2) },
        Refusal::WorkloadOver { name: name() },
        Refusal::NotTrained { name: name() },
        Refusal::NoWeights { name: name() },
        Refusal::GateNotPassed { name: name() },
        Refusal::GateOfOtherWeights { name: name() },
        Refusal::NoSuchRelease { release: ReleaseRef { model: name(), version: 1 } },
        Refusal::TooLargeToCount,
    ]
}

/// One of each refusal that clauses billed by the month and payments bring.
fn refusals_of_clauses() -> Vec<Refusal> {
    let at = Instant::from_ms;
    vec![
        Refusal::MonthsGoneBy { month: at(0) },
        Refusal::BilledByTheMonth { next: Some(at(0)) },
        Refusal::BilledByTheMonth { next: None },
        Refusal::PaymentKnown {
            reference: "A-1".to_owned(),
            money: "1.00 USD".parse().expect("an amount"),
            paid_at: at(0),
        },
        Refusal::OtherCurrency { found: "EUR".to_owned(), owed: vec!["USD".to_owned()] },
        Refusal::NothingPaid,
        Refusal::PaidLater { paid_at: at(1), now: at(0) },
        Refusal::Terms(Flaw::Clause(ClauseFlaw::Currency {
            clause: "fee 1.00 EUR".to_owned(),
            prices: "USD".parse().expect("an asset"),
        })),
        Refusal::Terms(Flaw::Clause(ClauseFlaw::NoMonth { clause: "fee 1.00 USD".to_owned(), month: at(0) })),
        Refusal::Terms(Flaw::Clause(ClauseFlaw::Twice { clause: "fee 1.00 USD".to_owned() })),
        Refusal::Terms(Flaw::Clause(ClauseFlaw::NeverDue { clause: "prepay".to_owned() })),
        Refusal::Terms(Flaw::Clause(ClauseFlaw::TooMany { most: 64 })),
    ]
}

#[test]
fn every_refusal_has_words_in_both_languages() {
    for refusal in refusals().into_iter().chain(refusals_of_clauses()) {
        let (code, english) = refusal_text(Lang::En, &refusal);
        let (same, french) = refusal_text(Lang::Fr, &refusal);
        assert_eq!(code, same);
        assert!(!english.is_empty() && !french.is_empty() && english != french, "{refusal:?}");
        assert_ne!(code, "refused", "{refusal:?}");
        assert!(Problem::of(Lang::En, &refusal).status >= 400);
    }
}

#[test]
fn every_protection_has_words_in_both_languages_however_well_it_holds() {
    let mut sentences = std::collections::BTreeSet::new();
    for protection in Protection::ALL {
        for support in [SupportWord::Enforced, SupportWord::Weaker, SupportWord::Unavailable] {
            let [english, french] =
                [Lang::En, Lang::Fr].map(|lang| ProtectionView::of(lang, protection, support, None));
            assert_eq!(english.protection, french.protection);
            assert!(english.name != french.name, "{english:?}");
            assert!(!english.says.is_empty() && english.says != french.says, "{english:?}");
            assert!(sentences.insert(english.says.clone()), "said twice: {english:?}");
        }
    }
}

#[test]
fn waits_say_what_would_change_them() {
    let busy = Wait::Busy { asked: Shape::Chips(2), free: Shape::Chips(1) };
    assert_eq!(wait_text(Lang::En, &busy).0, "busy");
    assert_eq!(explain_hint(Lang::En, &busy).as_deref(), Some("with --least \"1 chip\" it would start now"));
    let nothing = Wait::Busy { asked: Shape::Chips(2), free: Shape::Chips(0) };
    assert_eq!(explain_hint(Lang::En, &nothing), None);
    let no_host = Wait::Busy { asked: Shape::Hosts(2), free: Shape::Hosts(0) };
    assert_eq!(explain_hint(Lang::En, &no_host), None);
    let at = sinew_types::Instant::from_ms(0);
    let until = explain_hint(Lang::En, &Wait::Recalling { until: at });
    assert_eq!(until.as_deref(), Some("it starts at 00:00:00 UTC at the latest"));
    let after = Some("w1".parse().expect("a name"));
    let (code, text) = wait_text(Lang::En, &Wait::Planned { by: at, after });
    assert_eq!(code, "planned");
    assert_eq!(text, format!("it starts at {at} at the latest, after `w1` ends"));
    let (_, text) = wait_text(Lang::Fr, &Wait::Planned { by: at, after: None });
    assert_eq!(text, format!("elle démarre à {at} au plus tard"));
    let begun = explain_hint(Lang::Fr, &Wait::NotBegun { starts: at });
    assert_eq!(begun.as_deref(), Some("elle démarre à 1970-01-01T00:00:00.000Z au plus tôt"));
    assert!(exit_text(Lang::Fr, &Exit::Deadline).contains("échéance"));
}

#[test]
fn languages_are_read_from_headers_and_locales() {
    assert_eq!([Lang::asked("fr-FR,fr;q=0.9"), Lang::asked("fr_FR.UTF-8")], [Lang::Fr; 2]);
    assert_eq!([Lang::asked("en"), Lang::asked(""), Lang::asked("de"), Lang::asked("é")], [Lang::En; 4]);
}

fn terms() -> TermsWire {
    TermsWire {
        owner: format!("org-{:032x}", 1),
        lab: format!("org-{:032x}", 2),
        pool: format!("pool-{:032x}", 3),
        guarantee: vec!["1 chip".to_owned()],
        borrow_limit: "1 chip".to_owned(),
        lend_limit: "1 chip".to_owned(),
        notice: "5s".to_owned(),
        kill_grace: "1s".to_owned(),
        hand_over: "1s".to_owned(),
        minimum_term: None,
        calendar: None,
        starts: "2026-11-22T00:00:00.000Z".to_owned(),
        ends: "2027-06-30T00:00:00.000Z".to_owned(),
        guaranteed_price: "1.90 USD/chip-hour".to_owned(),
        borrowed_price: "0.80 USD/chip-hour".to_owned(),
        rounding: "half-even".to_owned(),
        clauses: Vec::new(),
    }
}

#[test]
fn terms_come_back_as_they_were_written() {
    assert_eq!(TermsWire::of(&terms().to_terms().expect("good terms")), terms());
}

#[test]
fn wrong_terms_name_their_field() {
    type Change = fn(&mut TermsWire);
    let cases: [(Change, &str); 4] = [
        (
            |t| t.borrow_limit = "-1 chips".to_owned(),
            "borrow_limit: `-1 chips` is not a limit of zero or more, such as `0 chips` or `8 chips`",
        ),
        (
            |t| t.notice = "soon".to_owned(),
            "notice: `soon` is not a length of time such as 250ms, 5s, 1m30s, 2h or 3d",
        ),
        (|t| t.rounding = "nicely".to_owned(), "rounding: `nicely` is not `half-even`, `up` or `down`"),
        (
            |t| t.ends = "2027-02-30".to_owned(),
            "ends: `2027-02-30` is not a UTC time such as 2026-11-22 or 2026-11-22T17:30:08Z",
        ),
    ];
    for (change, expected) in cases {
        let mut wrong = terms();
        change(&mut wrong);
        assert_eq!(wrong.to_terms().expect_err(expected).to_string(), expected);
    }
}

#[test]
fn inputs_stay_inside_their_folder() {
    let request = |path: &str| WorkloadRequest {
        name: "w".to_owned(),
        least: "1 chip".to_owned(),
        most: None,
        argv: vec!["true".to_owned()],
        env: [].into(),
        bundle: None,
        inputs: [(path.to_owned(), "0".repeat(64))].into(),
        network: None,
        priority: 0,
        checkpoint_every: None,
        limit: None,
        pools: vec![],
        serves: None,
    };
    assert!(request("data/corpus.bin").to_spec().is_ok());
    for hostile in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a"] {
        assert!(request(hostile).to_spec().is_err(), "{hostile}");
    }
}

#[test]
fn the_example_topologies_are_pools() {
    for (name, text) in EXAMPLES {
        let pool = read_topology(text).unwrap_or_else(|fault| panic!("{name}: {}", fault.text(Lang::En)));
        assert!(pool.chip_count() > 0, "{name}");
    }
}

#[test]
fn a_wrong_topology_file_is_refused_with_its_line() {
    let file = |rest: &str| format!("model = \"x\"\n{rest}");
    let level = |name: &str, count: u32| format!("[[level]]\nname = \"{name}\"\ncount = {count}\n");
    let hosts = level("host", 4) + &level("chip", 4);
    let cases = [
        (String::from("model = "), "1:9 Form"),
        (file("fabrik = 3\n") + &hosts, "2:1 Form"),
        (file("[[level]]\nname = \"chip\"\n"), "2:1 Form"),
        (file("torus = [2, 0, 2]\n") + &level("cube", 4) + &level("chip", 64), "2:9 TorusZero"),
        (file("torus = [2, 2, 2]\n") + &level("cube", 4) + &level("chip", 64), "2:9 TorusSize"),
        (file("torus = [1, 2, 2]\n") + &hosts, "2:9 TorusSize"),
        (file(&level("shelf", 4)), "3:8 NoSuchLevel"),
        (file(&(level("host", 4) + &level("host", 2))), "6:8 Overlap"),
        (file(&(level("cube", 4) + &level("domain", 2))), "6:8 Overlap"),
        (file(&(level("chip", 4) + &level("host", 2))), "6:8 OutOfOrder"),
        (file(&level("host", 4)), "3:8 NoChips"),
        (file(&(level("host", 0) + &level("chip", 2))), "4:9 Empty"),
        (file(&(level("host", 1 << 20) + &level("chip", 1 << 20))), "7:9 TooMany"),
        (file("chips = 15\n") + &hosts, "2:9 NotDivided"),
    ];
    for (text, expected) in cases {
        let fault = read_topology(&text).expect_err(expected);
        let what = format!("{:?}", fault.what);
        let kind = what.split([' ', '{']).next().expect("a word");
        assert_eq!(format!("{}:{} {kind}", fault.line, fault.column), expected, "{text}");
        for lang in [Lang::En, Lang::Fr] {
            assert!(fault.text(lang).len() > 30, "{}", fault.text(lang));
        }
    }
}

#[test]
fn hosts_in_parts_are_read_and_wrong_ones_refused_with_their_line() {
    let file = |parts: &str, count: u32| {
        let hosts = format!(
            "[[hosts]]\ncount = {count}\nmodel = \"G2\"\ndevices = 8\ncpu_milli = 96000\nmemory_mib = 9\n"
        );
        format!("parts = {parts}\n{hosts}")
    };
    let pool = crate::read_topology(&file("100", 2)).expect("a pool");
    assert_eq!((pool.hosts().len(), pool.chip_count()), (1, 1_800));
    let said = |text: &str| crate::read_topology(text).expect_err("it is wrong").text(crate::Lang::En);
    for (text, expected) in [
        (
            file("3", 2),
            "line 1, column 9: a device has 1000 thousandths and cannot be cut into 3 equal parts",
        ),
        (
            file("0", 2),
            "line 1, column 9: a device has 1000 thousandths and cannot be cut into 0 equal parts",
        ),
        (file("100", 0), "line 2, column 1: there are no hosts here"),
        (file("100", u32::MAX), "line 1, column 9: more than 67108864 cells"),
        (file("\"many\"", 2), "line 1, column 9: invalid type"),
        ("parts = 100\nhosts = []\n".to_owned(), "line 1, column 9: there are no hosts here"),
    ] {
        assert!(said(&text).starts_with(expected), "{}", said(&text));
    }
}

/// Two months of a lab, one of them below zero, and what was paid: each line is from, to, cash, owed.
#[test]
fn what_is_owed_is_what_no_payment_covers_and_goes_to_whom_it_is_owed() {
    let (owner, lab) = (OrgId::from_bits(1), OrgId::from_bits(2));
    let money = |text: &str| text.parse::<Money>().expect("an amount");
    let invoice = |number, total: &str| Event::Invoiced {
        invoice: Box::new(Invoice {
            contract: ContractId::from_bits(9),
            number,
            owner,
            lab,
            from: Instant::from_ms(0),
            to: Instant::from_ms(i64::from(number)),
            lines: vec![],
            total: money(total),
            records: 0,
            transaction: Transaction { postings: vec![] },
            rate_card: None,
        }),
    };
    let paid = |reference: &str, sum: &str| Event::PaymentReceived {
        payment: Payment {
            owner,
            lab,
            reference: reference.parse().expect("a reference"),
            money: money(sum),
            paid_at: Instant::from_ms(5),
        },
    };
    let table = [
        (vec![invoice(1, "10.00 USD")], "2>1 cash 0.00 owed 10.00"),
        (vec![invoice(1, "10.00 USD"), paid("a", "4.00 USD")], "2>1 cash 4.00 owed 6.00"),
        (vec![invoice(1, "10.00 USD"), paid("a", "40.00 USD")], "2>1 cash 40.00 owed 0.00"),
        (vec![invoice(1, "-7.00 USD")], "1>2 cash 0.00 owed 7.00"),
        (vec![invoice(1, "-7.00 USD"), paid("a", "-5.00 USD")], "1>2 cash 5.00 owed 2.00"),
        (
            vec![invoice(1, "10.00 USD"), invoice(2, "-7.00 USD"), paid("a", "3.00 USD")],
            "2>1 cash 3.00 owed 7.00, 1>2 cash 0.00 owed 7.00",
        ),
    ];
    for (events, expected) in table {
        let mut control = Control::default();
        for (id, name) in [(owner, "1"), (lab, "2")] {
            let name = name.parse().expect("a name");
            let event = Event::OrganisationAdded { id, name, operator: false };
            control.replay(&Recorded { at: Instant::from_ms(0), event });
        }
        for event in events {
            control.replay(&Recorded { at: Instant::from_ms(9), event });
        }
        for who in [owner, lab] {
            let views = own_money(control.state(), who).expect("small sums");
            let plain = |text: &str| text.trim_end_matches(" USD").to_owned();
            let line = |flow: &FlowView| {
                let (cash, owed) = (plain(&flow.sums.cash), plain(&flow.sums.commitments));
                format!("{}>{} cash {cash} owed {owed}", flow.from, flow.to)
            };
            let shown: Vec<String> = views[0].flows.iter().map(line).collect();
            assert_eq!(shown.join(", "), expected);
        }
    }
}
