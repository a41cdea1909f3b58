//! Kills a writing process at random instants, again and again on the same folder, and checks after each kill
//! that everything it had acknowledged is there, and nothing by halves.

use std::{
    io::{BufRead, BufReader, Read, Write},
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use sinew_store::{
    Artefacts, DataFolder, Identity, InstanceId, Journal, JournalOptions, JournalReader, Record, hash_of,
};
use sinew_types::{Hash, OrgId};

const FOLDER: &str = "SINEW_STORE_KILL_FOLDER";
const KILLS: u64 = 30;

fn org() -> OrgId {
    OrgId::from_bits(7)
}

fn open(path: &Path) -> (DataFolder, Journal, Artefacts) {
    let founding = Identity { instance: InstanceId(1), created_ms: 0 };
    let folder = DataFolder::open_or_create(path, founding).unwrap();
    let journal = Journal::open(&folder, JournalOptions::default()).unwrap();
    let artefacts = Artefacts::open(&folder, u64::MAX).unwrap();
    (folder, journal, artefacts)
}

/// The bytes that a group's artefact has: their length differs so that a kill meets every phase of a put.
fn bytes_of(group: u64) -> Vec<u8> {
    group.to_le_bytes().repeat(1 + usize::try_from(group % 97 * 300).unwrap())
}

/// Not a test of its own: the process that the other test starts and kills. Each group refers to an artefact
/// that was put before, says how long it is, and is acknowledged on standard output.
#[test]
fn writer_process() {
    let Some(path) = std::env::var_os(FOLDER) else { return };
    let (_folder, mut journal, artefacts) = open(Path::new(&path));
    let mut out = std::io::stdout().lock();
    loop {
        let group = journal.last_seq() + 1;
        let hash = artefacts.put(org(), &mut bytes_of(group).as_slice(), None).unwrap().hash;
        let size = 1 + group % 5;
        let record = |place| Record { version: 1, body: format!("{group} {place} {size} {hash}") };
        let records: Vec<Record> = (0..size).map(record).collect();
        let seqs = journal.append(group, &records).unwrap();
        if group.is_multiple_of(7) {
            journal.put_snapshot(seqs.end - 1, 1, format!("state {}", seqs.end - 1).as_bytes()).unwrap();
        }
        writeln!(out, "\nacknowledged {}", seqs.end - 1).unwrap();
    }
}

/// Starts the writer, lets it acknowledge something, kills it later by a random time, and returns the last
/// number that it acknowledged.
fn run_and_kill(path: &Path, random: &mut u64) -> u64 {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer_process", "--nocapture", "--test-threads=1"])
        .env(FOLDER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(writer.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("acknowledged") {
        assert!(out.read_line(&mut text).unwrap() > 0, "the writer ended: {text}");
    }
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let killed_at = Instant::now() + Duration::from_micros((*random >> 33) % 40_000);
    while Instant::now() < killed_at {
        std::hint::spin_loop();
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    out.read_to_string(&mut text).unwrap();
    // The last line may be cut off; only one that ends was surely said.
    let whole = &text[..=text.rfind('\n').unwrap()];
    let last = whole.lines().rev().find_map(|line| line.strip_prefix("acknowledged "));
    last.unwrap().parse().unwrap()
}

/// Checks the folder before any writer opens it, as it was left.
fn check(path: &Path, acknowledged: u64) -> u64 {
    let reader = JournalReader::open(path).unwrap();
    reader.check().unwrap();
    let mut group: Option<(u64, u64)> = None;
    let mut hashes = Vec::new();
    reader
        .read(1, &mut |row| {
            let words: Vec<&str> = row.body.split(' ').collect();
            let (start, place, size): (u64, u64, u64) =
                (words[0].parse().unwrap(), words[1].parse().unwrap(), words[2].parse().unwrap());
            assert_eq!(start + place, row.seq);
            assert_eq!(place, group.map_or(0, |(_, next)| next), "groups follow each other whole");
            group = (place + 1 < size).then_some((start, place + 1));
            hashes.push((start, words[3].parse::<Hash>().unwrap()));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(group, None, "the last group is whole");
    let last = reader.last_seq().unwrap();
    assert!(last >= acknowledged, "{acknowledged} was acknowledged, and the journal ends at {last}");
    let search = reader.latest_snapshot().unwrap();
    assert_eq!(search.damaged_seqs, Vec::<u64>::new());
    if let Some(snapshot) = search.snapshot {
        assert_eq!(snapshot.body, format!("state {}", snapshot.seq).as_bytes());
    }
    drop(reader);

    let (_folder, journal, artefacts) = open(path);
    assert_eq!(journal.last_seq(), last);
    hashes.dedup();
    for (group, hash) in hashes {
        assert_eq!(hash, hash_of(&bytes_of(group)));
        artefacts.verify(org(), hash).unwrap();
    }
    let listed: u64 = artefacts.list(org()).unwrap().iter().map(|stored| stored.bytes).sum();
    assert_eq!(artefacts.used_bytes(org()).unwrap(), listed);
    let temps = path.join(format!("orgs/{:032x}/artefacts/tmp", org().bits()));
    assert_eq!(std::fs::read_dir(temps).unwrap().count(), 0);
    last
}

#[test]
fn nothing_acknowledged_is_lost_by_kills() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let (mut random, mut last) = (42, 0);
    for _ in 0..KILLS {
        let acknowledged = run_and_kill(&path, &mut random);
        assert!(acknowledged > last);
        last = check(&path, acknowledged);
    }
}
