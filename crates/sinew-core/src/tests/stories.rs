//! Small stories with their journals as text.

use super::world::*;
use crate::*;
use expect_test::{Expect, expect};
use sinew_types::*;
use std::collections::BTreeMap;

/// The journal of leases and waits, one line each, with seconds since the start.
fn told(world: &World) -> String {
    let second = |at: Instant| at.since(Instant::from_ms(1_000_000)).ms() / 1_000;
    let line = |record: &Recorded| {
        let what = match &record.event {
            Event::WaitChanged { why, .. } => format!("waits {}", why.to_value().to_json()),
            Event::LeaseGranted { epoch, cells, .. } => {
                format!("gets {} chips, epoch {epoch}", cells.chips())
            }
            Event::LeaseNotified { why, deadline, .. } => format!("told {why:?} by {}s", second(*deadline)),
            Event::LeaseEnded { exit, next, .. } => format!("ends {exit:?} then {next:?}"),
            Event::Invoiced { invoice } => format!("billed {}", invoice.total),
            _ => return None,
        };
        Some(format!("{}s {what}\n", second(record.at)))
    };
    world.journal.iter().filter_map(line).collect()
}

fn check(world: &World, expected: Expect) {
    expected.assert_eq(&told(world));
}

#[test]
fn a_run_shrinks_for_the_owner_and_grows_back() {
    let mut world = World::new(2, 1);
    let contract = world.contract(2, |_| {}).expect("fits");
    let run = world.submit(2, 1, 2).expect("fits");
    world.pass(20_000);
    let job = world.submit(OWNER, 1, 1).expect("the owner's own");
    world.pass(1_000);
    world.end(world.gang(run), Exit::Code { code: 75 });
    world.pass(20_000);
    world.end(world.gang(job), Exit::Code { code: 0 });
    world.pass(1_000);
    world.end(world.gang(run), Exit::Code { code: 75 });
    world.pass(10_000);
    world.end(world.gang(run), Exit::Code { code: 0 });
    world.must(principal(OWNER), Command::CloseInvoice { contract });
    // Guaranteed 52 s at 1,000 millionths, borrowed 21 s and 10 s at 500.
    check(
        &world,
        expect![[r#"
            0s gets 2 chips, epoch 1
            20s told Recall by 25s
            20s waits {"is":"recalling","until":1027000}
            21s ends Code { code: 75 } then Again
            21s gets 1 chips, epoch 1
            21s gets 1 chips, epoch 2
            41s ends Code { code: 0 } then Done
            41s told Grow by 46s
            42s ends Code { code: 75 } then Again
            42s gets 2 chips, epoch 3
            52s ends Code { code: 0 } then Done
            52s billed 0.0675 USD
        "#]],
    );
}

#[test]
fn what_ignores_its_notice_is_gone_at_the_deadline() {
    let mut world = World::new(1, 1);
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(0)]).expect("fits");
    world.submit(2, 1, 1).expect("fits");
    world.submit(OWNER, 1, 1).expect("the owner's own");
    world.pass(5_000);
    check(
        &world,
        expect![[r#"
        0s gets 1 chips, epoch 1
        0s told Recall by 5s
        0s waits {"is":"recalling","until":1007000}
        5s ends Deadline then Again
        5s gets 1 chips, epoch 1
        5s waits {"asked":"1 chip","free":"0 chips","is":"busy"}
    "#]],
    );
}

#[test]
fn a_contract_ends_with_nothing_left_under_it() {
    let mut world = World::new(2, 1);
    let life = |terms: &mut sinew_contract::Terms| terms.ends = terms.starts.plus(Span::from_ms(60_000));
    let contract = world.contract(2, life).expect("fits");
    world.submit(2, 2, 2).expect("fits");
    world.pass(53_000);
    world.pass(5_000);
    world.pass(2_000);
    check(
        &world,
        expect![[r#"
        0s gets 2 chips, epoch 1
        53s told ContractEnds by 58s
        58s ends Deadline then Again
        58s waits {"closed":1053000,"is":"closing"}
        60s waits {"asked":"2 chips","is":"never-fits","largest":"0 chips"}
    "#]],
    );
    assert_eq!(world.control.state().contracts[&contract].standing, sinew_contract::Standing::Ended);
}

/// Its supervisor told it to leave, and nobody lived to record that.
#[test]
fn a_contract_that_ended_without_a_server_is_no_failure_of_its_work() {
    let mut world = World::new(2, 1);
    let life = |terms: &mut sinew_contract::Terms| terms.ends = terms.starts.plus(Span::from_ms(60_000));
    world.contract(2, life).expect("fits");
    let run = world.submit(2, 1, 1).expect("fits");
    let own = world.submit(OWNER, 1, 1).expect("the owner's own");
    let order = |world: &World, id| {
        let orders = all_orders(world.control.state());
        let last = orders.into_iter().find_map(|order| match order {
            Order::Start { id: of, last, .. } if of == id => Some(last),
            _ => None,
        });
        last.expect("it runs")
    };
    let second = |seconds: u64| Instant::from_ms(1_000_000).plus(Span::from_ms(seconds * 1_000));
    let last = LastMoments { notice_at: second(53), kill_at: second(58) };
    assert_eq!((order(&world, run), order(&world, own)), (Some(last), None));
    let (seen, gang) = (second(54), world.gang(run));
    world.running.remove(&gang);
    world.now = second(100);
    let observation =
        Observation::Ended { exit: Exit::Code { code: 75 }, outputs: [].into(), at: Some(seen) };
    world.must(Actor::System, Command::Observe { id: run, epoch: gang.1, observation });
    assert!(told(&world).contains("ends Code { code: 75 } then Again"), "{}", told(&world));
}

#[test]
fn only_an_operator_sets_what_an_organisation_may_store() {
    let mut world = World::new(2, 1);
    let set = |org_number, bytes| Command::SetQuota { org: org(org_number), bytes };
    assert_eq!(world.ask(principal(2), set(2, Some(1 << 30))), Err(Refusal::OperatorOnly));
    let missing = Refusal::NotFound { thing: Thing::Organisation, name: org(9).to_string() };
    assert_eq!(world.ask(principal(OWNER), set(9, None)), Err(missing));
    let quota = |world: &World| world.control.state().organisations[&org(2)].quota_bytes;
    for bytes in [Some(1 << 30), Some(1 << 30), Some(5), None] {
        world.must(principal(OWNER), set(2, bytes));
        assert_eq!(quota(&world), bytes);
    }
    let said = world.journal.iter().filter(|record| matches!(record.event, Event::QuotaSet { .. }));
    let said: Vec<String> = said.map(|record| record.event.to_value().to_json()).collect();
    let of = org(2);
    let line = |bytes: &str| format!(r#"{{{bytes}"is":"quota-set","org":"{of}"}}"#);
    let expected = [r#""bytes":1073741824,"#, r#""bytes":5,"#, ""].map(line);
    assert_eq!(said, expected, "the same quota again is no event");
}

#[test]
fn organisations_form_a_tree() {
    let mut world = World::new(1, 2);
    let place = |of, under: Option<u128>, weight| Command::PlaceOrganisation {
        org: org(of),
        under: under.map(org),
        weight,
    };
    assert_eq!(world.ask(principal(2), place(2, None, 2)), Err(Refusal::OperatorOnly));
    assert_eq!(world.ask(principal(OWNER), place(2, None, 0)), Err(Refusal::NoWeight));
    let missing = Refusal::NotFound { thing: Thing::Organisation, name: org(9).to_string() };
    assert_eq!(world.ask(principal(OWNER), place(2, Some(9), 1)), Err(missing));
    world.must(principal(OWNER), place(2, Some(3), 2));
    let circle = |world: &mut World, of, under| {
        let refused = world.ask(principal(OWNER), place(of, Some(under), 1));
        assert!(matches!(refused, Err(Refusal::NoTree { .. })), "{of} below {under}: {refused:?}");
    };
    circle(&mut world, 3, 2);
    circle(&mut world, 2, 2);
    for next in 10..17 {
        let name = format!("lab-{next}").parse().expect("a name");
        world.must(Actor::System, Command::AddOrganisation { id: org(next), name, operator: false });
        let above = if next == 10 { 2 } else { next - 1 };
        if next < 16 {
            world.must(principal(OWNER), place(next, Some(above), 1));
        } else {
            circle(&mut world, next, above);
        }
    }
    circle(&mut world, 3, 1);
    let kept = State::from_value(&world.control.state().to_value()).expect("a state comes back");
    assert_eq!(
        kept.organisations[&org(2)].place.map(|place| (place.under, place.weight)),
        Some((Some(org(3)), 2))
    );
}

#[test]
fn the_newest_checkpoint_and_the_last_logs_are_kept() {
    let mut world = World::new(1, 1);
    world.contract(2, |_| {}).expect("fits");
    let run = world.submit(2, 1, 1).expect("fits");
    let hash = |number: usize| Hash::from_bytes([u8::try_from(number).expect("small"); 32]);
    let leases = LOGS_KEPT + 3;
    for lease in 1..=leases {
        let mut outputs: BTreeMap<String, Hash> = [("model/a".to_owned(), hash(200))].into();
        outputs.extend([log_entry(hash(lease))]);
        // The last lease was lost before its first checkpoint.
        if lease < leases {
            outputs.extend([checkpoint_entry(&format!("step-{lease}"), hash(100 + lease))]);
        }
        let id = run;
        world.must(Actor::System, Command::Drain);
        let gang = world.gang(run);
        world.running.remove(&gang);
        let observation = Observation::Ended { exit: Exit::Code { code: 75 }, outputs, at: None };
        world.must(Actor::System, Command::Observe { id, epoch: gang.1, observation });
    }
    let workload = &world.control.state().workloads[&run];
    let kept = workload.kept.as_ref().expect("something is kept");
    let newest = leases - 1;
    assert_eq!(kept.checkpoint, [(format!("step-{newest}"), hash(100 + newest))].into());
    let epochs: Vec<u64> = kept.logs.keys().copied().collect();
    assert_eq!(epochs, (4..=leases as u64).collect::<Vec<_>>());
    assert_eq!(workload.outputs, [("model/a".to_owned(), hash(200))].into(), "a program's own");
    let given = all_orders(world.control.state()).into_iter().find_map(|order| match order {
        Order::Start { checkpoint, .. } => Some(checkpoint),
        Order::Stop { .. } => None,
    });
    assert_eq!(given.as_ref(), Some(&kept.checkpoint), "the next lease is given the checkpoint");
}

#[test]
fn the_same_request_twice_is_done_once() {
    let mut world = World::new(2, 1);
    let (actor, digest) = (principal(OWNER), |byte| Hash::from_bytes([byte; 32]));
    let mut ask = |byte, id| {
        let spec = std::sync::Arc::new(spec("once", 1, 1));
        let command = Command::Submit { id: WorkloadId::from_bits(id), spec };
        let key = Some(RequestKey { key: "k".to_owned(), fingerprint: digest(byte) });
        world.control.handle(world.now, &Request { actor: actor.clone(), key, command })
    };
    let first = ask(1, 50).expect("accepted");
    let again = ask(1, 51).expect("the same answer");
    assert_eq!((first.subject.clone(), first.repeated, again.repeated), (again.subject, false, true));
    assert_eq!(ask(2, 52), Err(Refusal::KeyReused { key: "k".to_owned() }));
    assert_eq!(world.control.state().workloads.len(), 1);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new(2, 2);
    let refusal = |result: Result<ContractId, Refusal>| result.expect_err("refused");
    let chips = |n| vec![Shape::Chips(n)];
    assert_eq!(
        refusal(world.contract(2, |terms| terms.guarantee = chips(3))),
        Refusal::PromisesTooMuch { asked: 3, unpromised: 2 }
    );
    world.contract(2, |terms| terms.guarantee = chips(2)).expect("fits");
    assert_eq!(refusal(world.contract(3, |_| {})), Refusal::PromisesTooMuch { asked: 1, unpromised: 0 });
    let block = Shape::Block([2, 2, 2]);
    let odd = refusal(world.contract(3, |terms| terms.guarantee = vec![block]));
    assert_eq!(odd, Refusal::ShapeUnknown { shape: block });
    assert!(matches!(world.submit(2, 4, 4), Err(Refusal::NeverFits { .. })));
    assert!(matches!(world.submit(2, 2, 1), Err(Refusal::LeastAboveMost { .. })));
    assert_eq!(world.submit(2, 0, 1), Err(Refusal::ShapeEmpty));
    assert_eq!(world.submit(3, 1, 1), Err(Refusal::NoCapacity));
    let twice = world.ask(principal(OWNER), add_pool(8, "south", 1));
    assert_eq!(twice, Err(Refusal::DeviceTaken { device: 0 }));
}

#[test]
fn only_the_parties_keys_sign() {
    let mut world = World::new(2, 2);
    let id = ContractId::from_bits(99);
    let terms = terms(2, world.now);
    let bytes = terms.signing_bytes(id);
    let by = |number: u8| sinew_contract::SecretKey::from_seed(&[number; 32]).sign(&bytes);
    let offer =
        |signature| Command::OfferContract { id, terms: Box::new(terms.clone()), signature, expanded: None };
    assert_eq!(world.ask(principal(OWNER), offer(by(2))), Err(Refusal::WrongSignature));
    world.must(principal(OWNER), offer(by(1)));
    let sign = |number| Command::SignContract { id, signature: by(number) };
    assert_eq!(world.ask(principal(2), sign(1)), Err(Refusal::WrongSignature));
    let missing = Refusal::NotFound { thing: Thing::Contract, name: id.to_string() };
    assert_eq!(world.ask(principal(3), sign(3)), Err(missing));
    world.must(principal(2), sign(2));
    assert!(world.control.state().contracts[&id].signatures_hold());
    assert_eq!(world.ask(principal(2), sign(2)), Err(Refusal::NotOffered));
}

#[test]
fn a_release_needs_its_own_gate() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| {}).expect("fits");
    let weights = Hash::from_bytes([1; 32]);
    let run = |world: &mut World, inputs: &[(&str, Hash)], code| {
        let id = WorkloadId::from_bits(world.id());
        let mut spec = spec(&format!("w{}", id.bits()), 1, 1);
        spec.parts[0].program.inputs =
            inputs.iter().map(|(name, hash)| ((*name).to_owned(), *hash)).collect();
        world.must(principal(2), Command::Submit { id, spec: std::sync::Arc::new(spec) });
        let outputs = [("model/model.safetensors".to_owned(), weights)].into();
        let observation = Observation::Ended { exit: Exit::Code { code }, outputs, at: None };
        let epoch = world.gang(id).1;
        world.running.remove(&(id, epoch));
        world.must(Actor::System, Command::Observe { id, epoch, observation });
        id
    };
    let trained_by = run(&mut world, &[], 0);
    let passed = run(&mut world, &[("model.safetensors", weights)], 0);
    let failed = run(&mut world, &[("model.safetensors", weights)], 3);
    let other = run(&mut world, &[("model.safetensors", Hash::from_bytes([2; 32]))], 0);
    let model: Name = "chat".parse().expect("a name");
    let mut release = |trained_by, gated_by| {
        world
            .ask(principal(2), Command::Release { model: model.clone(), trained_by, gated_by })
            .map(|a| a.subject)
    };
    assert!(matches!(release(trained_by, failed), Err(Refusal::GateNotPassed { .. })));
    assert!(matches!(release(trained_by, other), Err(Refusal::GateOfOtherWeights { .. })));
    assert!(matches!(release(failed, passed), Err(Refusal::NotTrained { .. })));
    assert_eq!(release(trained_by, passed).as_deref(), Ok("chat@1"));
    assert_eq!(release(trained_by, passed).as_deref(), Ok("chat@2"));
}

#[test]
fn a_late_report_bills_to_the_moment_that_was_seen() {
    let mut world = World::new(1, 1);
    let contract = world.contract(2, |_| {}).expect("fits");
    let run = world.submit(2, 1, 1).expect("fits");
    world.pass(10_000);
    let (seen, gang) = (world.now, world.gang(run));
    world.running.remove(&gang);
    // The server was away for an hour after the program's end.
    world.now = world.now.plus(Span::from_ms(3_000_000));
    let (exit, outputs) = (Exit::Code { code: 0 }, Default::default());
    let observation = Observation::Ended { exit, outputs, at: Some(seen) };
    world.must(Actor::System, Command::Observe { id: run, epoch: gang.1, observation });
    world.must(principal(OWNER), Command::CloseInvoice { contract });
    assert!(told(&world).contains("billed 0.01 USD"), "{}", told(&world));
}

#[test]
fn shapes_beyond_all_counting_stop_nobody() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| {}).expect("fits");
    let first = world.submit(2, 2, 2).expect("fits");
    for _ in 0..3 {
        world.submit(2, 1, u32::MAX).expect("only its least must fit");
    }
    world.end(world.gang(first), Exit::Code { code: 0 });
    world.pass(60_000);
    assert_eq!(world.running.len(), 2);
}

#[test]
fn an_offer_never_replaces_a_contract() {
    let mut world = World::new(2, 2);
    let id = ContractId::from_bits(99);
    let offer = |terms: &sinew_contract::Terms| {
        let signature = sinew_contract::SecretKey::from_seed(&[1; 32]).sign(&terms.signing_bytes(id));
        Command::OfferContract { id, terms: Box::new(terms.clone()), signature, expanded: None }
    };
    let first = terms(2, world.now);
    world.must(principal(OWNER), offer(&first));
    let signature = sinew_contract::SecretKey::from_seed(&[2; 32]).sign(&first.signing_bytes(id));
    world.must(principal(2), Command::SignContract { id, signature });
    world.must(principal(OWNER), offer(&first));
    assert!(world.control.state().contracts[&id].signatures_hold(), "the same offer again changes nothing");
    assert_eq!(world.ask(principal(OWNER), offer(&terms(3, world.now))), Err(Refusal::ContractIdTaken));
    assert_eq!(world.ask(principal(2), add_pool(8, "mine", 1)), Err(Refusal::OperatorOnly));
}

#[test]
fn a_guarantee_that_does_not_fit_in_shape_is_refused_with_who_stands_in_the_way() {
    let mut world = World::of_pods(3, 3);
    let promise = |text: &str| {
        let shape: Shape = text.parse().expect("a shape");
        move |terms: &mut sinew_contract::Terms| {
            (terms.pool, terms.guarantee) = (PoolId::from_bits(8), vec![shape]);
            (terms.borrow_limit, terms.lend_limit) = (Shape::Chips(0), Shape::Pods(1));
        }
    };
    world.contract(2, promise("5 cubes")).expect("a pod and one of the next");
    world.contract(3, promise("4x4x8")).expect("two of the three that are left there");
    world.contract(4, promise("4x4x12")).expect("three of the last pod");
    // Two cubes are left, in two pods.
    world.contract(2, promise("2 pods")).expect_err("more than there is");
    let refused = world.contract(2, promise("4x4x8")).expect_err("no pod joins two free cubes");
    let behind = Some("lab-2".parse().expect("a name"));
    assert_eq!(refused, Refusal::NoRoomInShape { behind });
    assert_eq!(
        world.contract(3, promise("3x3x3")),
        Err(Refusal::ShapeUnknown { shape: Shape::Block([3, 3, 3]) })
    );
    world.contract(3, promise("2 cubes")).expect("two cubes wherever they are");
}

#[test]
fn a_clock_that_goes_back_opens_nothing_before_its_time() {
    let mut world = World::new(2, 1);
    let begins = world.now.plus(Span::from_ms(100_000));
    world.contract(2, |terms| terms.starts = begins).expect("fits");
    let (early, late) = (world.now, world.now.plus(Span::from_ms(200_000)));
    // The clock runs ahead, is looked at, and is set back; nothing was recorded meanwhile.
    world.control.settle(late);
    assert!(world.control.take_fresh().is_empty());
    world.now = early;
    let run = world.submit(2, 1, 1).expect("fits");
    let granted = world.workload(run).lease().map(|lease| lease.granted_at);
    assert!(granted.is_none_or(|at| at >= begins), "granted at {granted:?}, begins at {begins}");
}

#[test]
fn no_contract_promises_devices_that_are_lent_in_parts() {
    let mut world = World::new(1, 1);
    let host = Hosts { count: 2, devices: 4, model: "t4".to_owned(), cpu_milli: 64_000, memory_mib: 262_144 };
    let topology = Topology::in_parts(vec![host], 10).expect("a pool");
    let (id, name) = (PoolId::from_bits(9), "shares".parse().expect("a name"));
    world.must(principal(OWNER), Command::AddPool { id, name, topology, rehearsal: Rehearsal::default() });
    let refused = world.contract(2, |terms| terms.pool = PoolId::from_bits(9));
    assert_eq!(refused, Err(Refusal::PoolInParts { pool: "shares".parse().expect("a name") }));
    assert!(world.control.state().contracts.is_empty());
}
