use crate::*;
use proptest::prelude::*;

const DAY_S: u64 = 86_400;
const NOW_S: u64 = 1_800_000_000;

fn leaves(count: usize) -> Vec<NodeHash> {
    (0..count).map(|at| NodeHash::leaf(&at.to_be_bytes())).collect()
}

fn hex(hash: &NodeHash) -> String {
    hash.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The test vectors of Certificate Transparency's own implementation.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let hashes: Vec<_> = inputs.iter().map(|bytes| NodeHash::leaf(bytes)).collect();
    for (count, expected) in [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ] {
        assert_eq!(hex(&root(&hashes[..count])), expected, "{count} leaves");
    }
}

proptest! {
    #[test]
    fn every_proof_holds_where_it_was_made_and_nowhere_else(count in 1_usize..80, a in 0_usize..80, b in 0_usize..80) {
        let all = leaves(count);
        let (whole, size) = (root(&all), count as u64);
        let mut frontier = Frontier::default();
        all.iter().for_each(|leaf| frontier.push(*leaf).expect("room"));
        prop_assert_eq!((frontier.size(), frontier.root()), (size, whole));
        let (index, old) = (a % count, b % (count + 1));
        let path = inclusion(&all, index).expect("a leaf");
        prop_assert!(all[index].is_at(index as u64, (size, &whole), &path));
        for other in 0..count as u64 + 2 {
            prop_assert_eq!(all[index].is_at(other, (size, &whole), &path), other == index as u64);
        }
        let before = root(&all[..old]);
        let path = consistency(&all, old).expect("an older tree");
        prop_assert!(before.begins(old as u64, (size, &whole), &path));
        if old > 0 {
            prop_assert!(!all[0].begins(old as u64, (size, &whole), &path) || before == all[0]);
            prop_assert!(!before.begins(old as u64, (size, &NodeHash::empty()), &path));
        }
    }

    #[test]
    fn what_is_not_shown_is_covered(count in 1_usize..200, a in 0_usize..200, b in 0_usize..200) {
        let all = leaves(count);
        let (from, to) = ((a % count).min(b % count), (a % count).max(b % count));
        let mut frontier = Frontier::default();
        all[..from].iter().for_each(|leaf| frontier.push(*leaf).expect("room"));
        for (height, hash) in Frontier::cover(&all, from, to) {
            frontier.push_node(height, hash).expect("aligned");
        }
        prop_assert_eq!(frontier.root(), root(&all[..to]));
        all[to..].iter().for_each(|leaf| frontier.push(*leaf).expect("room"));
        prop_assert_eq!(frontier.root(), root(&all));
    }

    #[test]
    fn base64_has_one_text_for_each_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
        let text = crate::base64::encode(&bytes);
        prop_assert_eq!(crate::base64::decode(&text), Some(bytes));
    }
}

#[test]
fn base64_refuses_a_second_text() {
    assert_eq!(crate::base64::encode(b"foob"), "Zm9vYg==");
    for wrong in ["Zm9vYg", "Zm9vYh==", "Zm9vYg===", "Zm9v Yg==", "=", "Z"] {
        assert_eq!(crate::base64::decode(wrong), None, "{wrong}");
    }
}

#[test]
fn a_subtree_must_begin_where_one_can() {
    let mut frontier = Frontier::default();
    frontier.push(NodeHash::empty()).expect("room");
    for height in [1, 40, 63, 64, u32::MAX] {
        let error = frontier.push_node(height, NodeHash::empty()).expect_err("not aligned");
        assert!(matches!(error, ProofError::Size { .. }), "{error}");
    }
    let mut full = Frontier::default();
    full.push_node(63, NodeHash::empty()).expect("aligned");
    assert!(full.push_node(63, NodeHash::empty()).is_err(), "2^64 leaves are too many to count");
}

fn signer(name: &str, algorithm: Algorithm, seed: u8) -> Signer {
    Signer::new(name, algorithm, &[seed; 32]).expect("a name")
}

fn log() -> Signer {
    signer("sinew/contract-1", Algorithm::Text, 1)
}

fn lab() -> Signer {
    signer("lyra", Algorithm::Cosignature, 2)
}

fn policy() -> Policy {
    let third = signer("auditor", Algorithm::Cosignature, 3);
    let text = format!(
        "# who must sign\nlog {}\nwitness lab {}\nwitness third {}\ngroup both 1 lab third\nquorum lab\n",
        log().verifier(),
        lab().verifier(),
        third.verifier(),
    );
    text.parse().expect("a policy")
}

fn text() -> String {
    Checkpoint { origin: "sinew/contract-1".to_owned(), size: 5, root: root(&leaves(5)) }.to_string()
}

/// What the policy says about a checkpoint with these lines.
fn check(text: &str, lines: Vec<Line>) -> String {
    let note = Note { text: text.to_owned(), lines };
    assert_eq!(note.to_string().parse::<Note>().as_ref(), Ok(&note));
    match policy().accept(&note, NOW_S) {
        Ok(signed) => format!("{} leaves, {:?}", signed.checkpoint.size, signed.witnesses),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_log_and_the_quorum_make_a_checkpoint() {
    let (owner, lab) = (log().sign(&text(), 0), lab().sign(&text(), NOW_S));
    assert_eq!(check(&text(), vec![owner, lab]), "5 leaves, {\"lab\": 1800000000}");
}

#[test]
fn what_a_policy_refuses_is_said() {
    let (owner, good) = (log().sign(&text(), 0), lab().sign(&text(), NOW_S));
    let stranger = signer("lyra", Algorithm::Cosignature, 9).sign(&text(), NOW_S);
    let late = lab().sign(&text(), NOW_S + DAY_S);
    let other = Checkpoint { origin: "sinew/contract-2".to_owned(), size: 5, root: root(&leaves(5)) };
    let elsewhere = lab().sign(&other.to_string(), NOW_S);
    for (text, lines, expected) in [
        (text(), vec![owner.clone(), good.clone(), good.clone()], "`lyra` signed twice"),
        (text(), vec![owner.clone(), owner.clone(), good.clone()], "`sinew/contract-1` signed twice"),
        (text(), vec![owner.clone(), stranger], "the policy names no such key"),
        (text(), vec![owner.clone(), late], "86400 seconds ahead of this clock"),
        (text(), vec![owner.clone(), elsewhere], "does not fit the text"),
        (text(), vec![good.clone()], "the log `sinew/contract-1` did not sign"),
        (text(), vec![owner.clone()], "the quorum `lab` is not reached, signed by: nobody"),
        (other.to_string(), vec![owner, good], "a proof of the log `sinew/contract-2`, not of"),
    ] {
        let said = check(&text, lines);
        assert!(said.contains(expected), "{said}\nhas not: {expected}");
    }
}

#[test]
fn a_policy_counts_each_key_once() {
    let (log, lab) = (log().verifier().to_string(), lab().verifier().to_string());
    for wrong in [
        String::new(),
        format!("log {log}\n"),
        format!("log {lab}\nquorum none\n"),
        format!("log {log}\nquorum lab\n"),
        format!("log {log}\nwitness a {lab}\nwitness b {lab}\nquorum a\n"),
        format!("log {log}\nwitness a {log}\nquorum a\n"),
        format!("log {log}\nwitness a {lab}\ngroup g 2 a a\nquorum g\n"),
        format!("log {log}\nwitness a {lab}\ngroup g 2 a\nquorum g\n"),
        format!("log {log}\nwitness a {lab}\ngroup g 99999999999999999999 a\nquorum g\n"),
        format!("log {log}\nquorum none\nwitness a {lab}\n"),
    ] {
        assert!(wrong.parse::<Policy>().is_err(), "{wrong}");
    }
}

#[test]
fn checkpoints_and_notes_that_are_cut_off_or_changed_are_refused() {
    let note = Note { text: text(), lines: vec![log().sign(&text(), 0), lab().sign(&text(), NOW_S)] };
    let whole = note.to_string();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let accepted = whole[..end].parse::<Note>().and_then(|cut| policy().accept(&cut, NOW_S));
        assert!(accepted.is_err(), "cut at {end}");
    }
    for (at, letter) in whole.char_indices() {
        let other = if letter == 'x' { 'y' } else { 'x' };
        let changed = format!("{}{other}{}", &whole[..at], &whole[at + letter.len_utf8()..]);
        let accepted = changed.parse::<Note>().and_then(|read| policy().accept(&read, NOW_S));
        assert!(accepted.is_err(), "changed at {at}: {changed}");
    }
    let root = root(&leaves(1));
    for size in ["05", "+5", "-1", "", "18446744073709551616", "5 "] {
        assert!(format!("a\n{size}\n{root}\n").parse::<Checkpoint>().is_err(), "{size}");
    }
}

#[test]
fn a_proof_of_one_leaf_reads_as_it_is_written() {
    let all = leaves(5);
    let note = Note { text: text(), lines: vec![log().sign(&text(), 0)] };
    let proof = TlogProof { index: 3, path: inclusion(&all, 3).expect("a leaf"), note };
    let read: TlogProof = proof.to_string().parse().expect("a proof");
    assert_eq!(read, proof);
    assert!(read.holds(&3_usize.to_be_bytes()).is_ok());
    assert!(read.holds(&4_usize.to_be_bytes()).is_err());
}
