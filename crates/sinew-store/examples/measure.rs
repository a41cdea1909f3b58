//! Measures the store on the disk of the folder that is given, and prints one figure a line:
//! `cargo run --release -p sinew-store --example measure -- FOLDER`

use std::{hint::black_box, ops::ControlFlow, path::Path, time::Instant};

use sinew_store::{Artefacts, DataFolder, Identity, InstanceId, Journal, JournalOptions, Record, StoreError};
use sinew_types::OrgId;

const BODY_BYTES: usize = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(parent) = std::env::args_os().nth(1) else {
        return Err("name an existing folder on the disk to measure".into());
    };
    let path = Path::new(&parent).join(format!("sinew-measure-{}", std::process::id()));
    let measured = measure(&path);
    std::fs::remove_dir_all(&path)?;
    Ok(measured?)
}

fn measure(path: &Path) -> Result<(), StoreError> {
    let folder = DataFolder::open_or_create(path, Identity { instance: InstanceId(1), created_ms: 0 })?;
    let mut journal = Journal::open(&folder, JournalOptions::default())?;
    for (commits, each) in [(1_000, 1), (500, 100), (100, 1_000)] {
        let group = vec![Record { version: 1, body: "x".repeat(BODY_BYTES) }; each];
        let started = Instant::now();
        for _ in 0..commits {
            journal.append(1, &group)?;
        }
        let took_s = started.elapsed().as_secs_f64();
        let appends = f64::from(commits) * each as f64;
        println!(
            "{each:>5} a commit   {:>9.0} appends/s   {:.3} ms a commit",
            appends / took_s,
            took_s * 1e3 / f64::from(commits)
        );
    }
    let last_seq = journal.last_seq();
    drop(journal);

    let started = Instant::now();
    let journal = Journal::open(&folder, JournalOptions::default())?;
    println!("open with {last_seq} records   {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let (started, mut bytes) = (Instant::now(), 0);
    journal.reader().read(1, &mut |row| {
        bytes += black_box(row.body).len();
        ControlFlow::Continue(())
    })?;
    println!("replay   {:.0} records/s", last_seq as f64 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    journal.reader().read(last_seq, &mut |_| ControlFlow::Continue(()))?;
    println!("read from the last record   {:.3} ms", started.elapsed().as_secs_f64() * 1e3);

    let artefacts = Artefacts::open(&folder, u64::MAX)?;
    let started = Instant::now();
    artefacts.put(OrgId::from_bits(1), &mut vec![7; 256 << 20].as_slice(), None)?;
    println!("put 256 MiB   {:.0} MiB/s", 256.0 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    for count in 0_u32..200 {
        artefacts.put(OrgId::from_bits(1), &mut count.to_le_bytes().as_slice(), None)?;
    }
    println!("put of 4 bytes   {:.2} ms each", started.elapsed().as_secs_f64() * 1e3 / 200.0);
    Ok(())
}
