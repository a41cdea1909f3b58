use super::*;
use crate::audit::tests::{World, months};
use expect_test::{expect, expect_file};
use sinew_core::Event;
use sinew_ledger::InvoiceKey;
use sinew_proof::{Algorithm, Checkpoint, Note, Policy, Signer};
use sinew_types::ContractId;

const NOW_S: u64 = 2_000;
const LOG_SEED: [u8; 32] = [11; 32];

fn key(number: u32) -> InvoiceKey {
    (ContractId::from_bits(9), number)
}

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, Algorithm::Cosignature, &[seed; 32]).expect("a name")
}

fn log() -> Signer {
    Signer::new(&origin(key(1).0), Algorithm::Text, &LOG_SEED).expect("a name")
}

fn policy_text() -> String {
    let (lab, third) = (signer("lyra", 12), signer("auditor", 13));
    format!(
        "log {}\nwitness lab {}\nwitness third {}\ngroup both all lab third\nquorum lab\n",
        log().verifier(),
        lab.verifier(),
        third.verifier()
    )
}

fn policy() -> Policy {
    policy_text().parse().expect("a policy")
}

fn trusted(policy: &Policy) -> Trusted<'_> {
    Trusted { policy, lab: None, now_s: NOW_S }
}

/// The proof of an invoice of the story, cosigned by the lab.
fn proven(number: u32) -> Bundle {
    proven_in(&World::story(), number)
}

fn proven_in(world: &World, number: u32) -> Bundle {
    let mut bundle = prove(world.folder.path(), key(number), &LOG_SEED).expect("there is such an invoice");
    bundle.note.lines.push(signer("lyra", 12).sign(&bundle.note.text, NOW_S));
    bundle
}

fn shown(bundle: &Bundle) -> String {
    let report = verify(&bundle.to_string(), &trusted(&policy()));
    let line = |check: &crate::audit::Check| {
        let word = if check.equal { "ok" } else { "differs" };
        format!("{} {word}: {}\n", check.what, check.found)
    };
    report.checks.iter().map(line).collect()
}

/// Signs other leaves than the true ones, as an owner who cheats could: both sign what they are shown.
fn signed_anew(mut bundle: Bundle) -> Bundle {
    let tree = bundle.climb(&mut |_| {}).expect("well formed");
    let origin = log().verifier().name().to_owned();
    let text = Checkpoint { origin, size: tree.size(), root: tree.root() }.to_string();
    let lines = vec![log().sign(&text, 0), signer("lyra", 12).sign(&text, NOW_S)];
    bundle.note = Note { text, lines };
    bundle
}

/// Changes the first leaf that has a text.
fn with(mut bundle: Bundle, from: &str, to: &str) -> String {
    let leaf = bundle.items.iter_mut().rev().find_map(|item| match item {
        Item::Leaf(text) if text.contains(from) => Some(text),
        _ => None,
    });
    let leaf = leaf.expect("a leaf that has it");
    *leaf = leaf.replacen(from, to, 1);
    let shown = shown(&signed_anew(bundle));
    shown.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn both_invoices_are_proven() {
    for (number, expected) in [
        (
            1,
            expect![[r#"
                signatures ok: the log signed, and so did lab
                leaves ok: 4 of 4 leaves, and they lead to the signed root
                terms ok: owner's key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c and lab's key 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394 signed them; whether the latter is the lab's, `--lab-key` would say
                range ok: 1 usage records since 1970-01-01T00:16:40.000Z, all that the log has
                usage ok: 1 leases, no moment billed twice
                invoice ok: contract-00000000000000000000000000000009/1: 0.054 USD, postings sum to zero
            "#]],
        ),
        (
            2,
            expect![[r#"
                signatures ok: the log signed, and so did lab
                leaves ok: 6 of 7 leaves, and they lead to the signed root
                terms ok: owner's key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c and lab's key 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394 signed them; whether the latter is the lab's, `--lab-key` would say
                range ok: 2 usage records since 1970-01-01T00:17:52.000Z, all that the log has
                usage ok: 2 leases, no moment billed twice
                invoice ok: contract-00000000000000000000000000000009/2: 0.006591 USD, postings sum to zero
            "#]],
        ),
    ] {
        expected.assert_eq(&shown(&proven(number)));
    }
}

#[test]
fn clauses_are_proven_from_all_that_was_before() {
    let (world, last) = (months(), "invoice differs: ");
    expect![[r#"
        signatures ok: the log signed, and so did lab
        leaves ok: 15 of 15 leaves, and they lead to the signed root
        terms ok: owner's key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c and lab's key 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394 signed them; whether the latter is the lab's, `--lab-key` would say
        range ok: 5 usage records since 1970-01-01T00:16:40.000Z, all that the log has
        usage ok: 3 leases, no moment billed twice
        invoice ok: contract-00000000000000000000000000000009/4: 1366.647498 USD, postings sum to zero
    "#]].assert_eq(&shown(&proven_in(&world, 4)));
    for (from, to, expected) in [
        ("\"missing_chips\":", "\"missing_chips\":1", last),
        (
            "fee 50.00 USD",
            "fee 51.00 USD",
            "terms differs: one of the two signatures does not fit these terms",
        ),
        ("\"number\":2", "\"number\":1", last),
    ] {
        let said = with(proven_in(&world, 4), from, to);
        assert!(said.starts_with(expected), "{from} -> {to}: {said}");
    }
    let mut bundle = proven_in(&world, 4);
    let impaired = |item: &Item| matches!(item, Item::Leaf(text) if text.contains("contract-impaired"));
    let at = bundle.items.iter().position(impaired).expect("hardware failed");
    bundle.items.remove(at);
    assert!(shown(&signed_anew(bundle)).contains(last), "a failure that is left out is missed");
}

/// Changes the text of the first leaf that `is` it.
fn changed(mut bundle: Bundle, is: impl Fn(&str) -> bool, change: impl Fn(&str) -> String) -> String {
    let leaf = bundle.items.iter_mut().find_map(|item| match item {
        Item::Leaf(text) if is(text) => Some(text),
        _ => None,
    });
    let leaf = leaf.expect("there is such a leaf");
    *leaf = change(leaf);
    shown(&signed_anew(bundle)).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn an_owner_that_signs_for_its_lab_is_found_out_by_the_labs_key() {
    let bundle = proven(1).to_string();
    let said = |lab: [u8; 32]| {
        let lab = Some(sinew_contract::SecretKey::from_seed(&lab).public());
        let policy = policy();
        let report = verify(&bundle, &Trusted { lab, ..trusted(&policy) });
        report.checks.last().map(|check| (check.equal, check.what.clone()))
    };
    assert_eq!(said([2; 32]), Some((true, "invoice".to_owned())));
    assert_eq!(said([3; 32]), Some((false, "terms".to_owned())));
}

#[test]
fn windows_that_nobody_signed_are_refused() {
    let said = changed(
        proven_in(&months(), 4),
        |text| text.contains("contract-offered"),
        |text| text.replacen('{', "{\"expanded\":{\"windows\":[],\"zone_data\":\"2026a\"},", 1),
    );
    assert_eq!(said, "terms differs: the offer holds windows, and the terms agree on none");
}

#[test]
fn an_invoice_within_a_month_is_none_of_a_contract_that_is_billed_by_the_month() {
    let mut bundle = proven_in(&months(), 2);
    let amid_ms = "1970-02-15".parse::<sinew_types::Instant>().expect("a time").ms();
    for item in &mut bundle.items {
        let Item::Leaf(text) = item else { continue };
        let (at, record) = text.split_once(' ').expect("a time and a record");
        *text = format!("{} {record}", at.parse::<i64>().expect("a time").min(amid_ms));
    }
    let said = shown(&signed_anew(bundle));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("range differs: invoice 2 ends at "), "{last}");
    assert!(last.ends_with("within a month and before the contract does"), "{last}");
}

#[test]
fn the_invoice_before_has_to_be_of_this_contract_and_of_its_time() {
    let expected = "range differs: the invoice before is of another contract, or not of when it was made";
    let said = changed(
        proven(2),
        |text| text.contains("\"is\":\"invoiced\""),
        |text| text.replacen("\"to\":", "\"to\":1", 1),
    );
    assert_eq!(said, expected);
}

/// The second verifier, in another language, is tried on these very files.
#[test]
fn the_files_for_the_second_verifier_are_these() {
    let files = [("invoice-1", proven(1)), ("invoice-2", proven(2)), ("clauses-5", proven_in(&months(), 5))];
    for (name, bundle) in files {
        let path = format!("{}/../../verify/fixtures/{name}.proof", env!("CARGO_MANIFEST_DIR"));
        expect_file![path].assert_eq(&bundle.to_string());
    }
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../verify/fixtures/lab.policy")]
        .assert_eq(&policy_text());
}

#[test]
fn a_proof_reads_as_it_is_written_and_any_other_letter_is_refused() {
    let text = proven(2).to_string();
    assert_eq!(text.parse::<Bundle>(), Ok(proven(2)));
    for (at, letter) in text.char_indices() {
        let other = if letter == '1' { '2' } else { '1' };
        let changed = format!("{}{other}{}", &text[..at], &text[at + letter.len_utf8()..]);
        assert!(!verify(&changed, &trusted(&policy())).equal, "changed at {at}: {changed}");
        assert!(!verify(&text[..at], &trusted(&policy())).equal, "cut at {at}");
    }
}

#[test]
fn what_both_signed_is_still_recomputed() {
    for (number, from, to, expected) in [
        (2, "\"records\":", "\"records\":1", "invoice differs: "),
        (2, "\"own_chip_milli\":1000", "\"own_chip_milli\":2000", "invoice differs: billed guaranteed, "),
        (2, "\"number\":2", "\"number\":3", "invoice differs: "),
        (1, "\"units\":-", "\"units\":-1", "invoice differs: the postings do not sum to zero"),
        (1, "\"notice\":5000", "\"notice\":6000", "terms differs: one of the two signatures"),
        (1, "\"is\":\"invoiced\"", "\"is\":\"unknown\"", "leaves differs: "),
    ] {
        let said = with(proven(number), from, to);
        assert!(said.starts_with(expected), "{from} -> {to}: {said}");
    }
}

#[test]
fn a_record_left_out_is_missed() {
    let mut bundle = proven(1);
    let usage = |item: &Item| matches!(item, Item::Leaf(text) if text.contains("usage-recorded"));
    let at = bundle.items.iter().position(usage).expect("a record");
    bundle.items.remove(at);
    let said = shown(&bundle);
    assert!(said.ends_with("a leaf or hash was changed, added or left out\n"), "{said}");
    let said = shown(&signed_anew(bundle));
    assert!(said.contains("invoice differs: "), "{said}");
}

#[test]
fn a_witness_follows_one_history() {
    let (first, second) = (proven(1), proven(2));
    let seen = |bundle: &Bundle| Some(Seen { note: bundle.note.clone() });
    let ask = |bundle: &Bundle, seen: Option<Seen>| match goes_on(bundle, &policy(), seen.as_ref()) {
        Ok(checkpoint) => format!("cosigned {}", checkpoint.size),
        Err(error) => error.to_string(),
    };
    assert!(ask(&first, None).starts_with("cosigned "));
    assert!(ask(&second, seen(&first)).starts_with("cosigned "));
    assert!(ask(&second, seen(&second)).starts_with("cosigned "));
    assert!(ask(&first, seen(&second)).starts_with("the checkpoint went backwards"));
    let other = |bundle: Bundle| {
        let mut bundle = bundle;
        let Some(Item::Leaf(text)) = bundle.items.get_mut(2) else { panic!("the third item is a leaf") };
        text.push(' ');
        signed_anew(bundle)
    };
    assert!(ask(&second, seen(&other(first.clone()))).starts_with("the log forked"));
    assert!(ask(&other(first.clone()), seen(&first)).starts_with("the log forked"));
    let unsigned =
        Bundle { note: Note { lines: second.note.lines[1..].to_vec(), ..second.note.clone() }, ..second };
    assert!(ask(&unsigned, seen(&first)).contains("did not sign this checkpoint"));
}

#[test]
fn every_leaf_is_a_record_of_its_contract() {
    for item in proven(1).items {
        let Item::Leaf(text) = item else { panic!("nothing is hidden before the first invoice") };
        let event: Event = read_leaf(&text).expect("a record").event;
        assert_eq!(contract_of(&event), Some(key(1).0));
    }
}

/// Cosigns as a witness does, and says how that went.
fn witnessed(folder: &std::path::Path, bundle: &Bundle) -> String {
    let memory = Memory::open(folder, log().verifier().name()).expect("the folder can be used");
    match goes_on(bundle, &policy(), memory.seen()) {
        Ok(checkpoint) => {
            memory.keep(&bundle.note).expect("there is room");
            format!("cosigned {}", checkpoint.size)
        }
        Err(error) => {
            memory.keep_evidence(&bundle.note, NOW_S).expect("there is room");
            error.to_string()
        }
    }
}

#[test]
fn two_witnesses_of_one_folder_never_cosign_two_histories() {
    let honest = proven(1);
    let mut other = honest.clone();
    let Some(Item::Leaf(text)) = other.items.get_mut(2) else { panic!("the third item is a leaf") };
    text.push(' ');
    let other = signed_anew(other);
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a folder");
        let said = std::thread::scope(|scope| {
            let both = [&honest, &other].map(|bundle| scope.spawn(|| witnessed(folder.path(), bundle)));
            both.map(|one| one.join().expect("no panic"))
        });
        let cosigned = said.iter().filter(|said| said.starts_with("cosigned ")).count();
        assert_eq!(cosigned, 1, "{said:?}");
        let names = std::fs::read_dir(folder.path()).expect("the folder").flatten();
        let evidence = names.filter(|entry| entry.file_name().to_string_lossy().contains("evidence-"));
        assert_eq!(evidence.count(), 1, "what was refused is kept beside what was cosigned");
    }
}

#[test]
fn a_memory_that_is_damaged_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    witnessed(folder.path(), &proven(1));
    let file = folder.path().join(log().verifier().name().replace('/', "%2F"));
    std::fs::write(&file, "cut").expect("there is room");
    let refused = Memory::open(folder.path(), log().verifier().name()).err().expect("it is damaged");
    assert!(refused.to_string().contains("bring it back from a copy"), "{refused}");
}
