//! How many usage records a second the journal takes in, each durable when its commit returns.
//!
//! `intake FOLDER` prints one line of figures. Every record is made, written in canonical form and appended as the server
//! does it, one flush to disk for each group. Beside it, in turns, SQLite takes ready-made rows of the same length.

use rusqlite::Connection;
use sinew_core::{Event, Recorded};
use sinew_ledger::UsageRecord;
use sinew_sim::record;
use sinew_store::{DataFolder, Identity, InstanceId, Journal, JournalOptions, Record};
use sinew_types::{ContractId, Instant, PoolId, WorkloadId};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

const ACCELERATORS: u64 = 100_000;
const CONTRACTS: u64 = 200;
const MINUTE_MS: i64 = 60_000;
/// Records of one commit.
const GROUPS: [u64; 2] = [100, 1_000];
/// Records of one round; journal and floor take turns.
const ROUND: u64 = 100_000;
const ROUNDS: usize = 7;

/// What one accelerator held in one minute.
fn used(at: u64) -> Recorded {
    let (minute, accelerator) = (at / ACCELERATORS, at % ACCELERATORS);
    let from = i64::try_from(minute).expect("a month") * MINUTE_MS;
    let to = Instant::from_ms(from + MINUTE_MS);
    let usage = UsageRecord {
        contract: Some(ContractId::from_bits(1_000 + u128::from(accelerator % CONTRACTS))),
        pool: PoolId::from_bits(3),
        workload: WorkloadId::from_bits(u128::from(accelerator)),
        epoch: 1,
        from: Instant::from_ms(from),
        to,
        own_chip_milli: 1_000,
        borrowed_chip_milli: 0,
    };
    Recorded { at: to, event: Event::UsageRecorded { record: usage } }
}

/// Takes in one round, and answers the records a second.
fn take_in(journal: &mut Journal, group: u64) -> Result<f64, Box<dyn Error>> {
    let first = journal.last_seq();
    let begun = std::time::Instant::now();
    for start in (first..first + ROUND).step_by(usize::try_from(group)?) {
        let records: Vec<Record> = (start..start + group).map(|at| record(&used(at))).collect();
        journal.append(start, &records)?;
    }
    Ok(ROUND as f64 / begun.elapsed().as_secs_f64())
}

/// A table with nothing but a number and a text, on the same disk, as durable.
fn floor(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")?;
    Ok(connection)
}

fn fill(connection: &mut Connection, group: u64, body: &str) -> Result<f64, rusqlite::Error> {
    let begun = std::time::Instant::now();
    for _ in 0..ROUND / group {
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO rows (body) VALUES (?1)")?;
        for _ in 0..group {
            insert.execute([body])?;
        }
        drop(insert);
        transaction.commit()?;
    }
    Ok(ROUND as f64 / begun.elapsed().as_secs_f64())
}

/// Every record is there, in its order, word for word.
fn check(journal: &Journal) -> Result<(), Box<dyn Error>> {
    let (mut seen, mut wrong) = (0, 0);
    journal.reader().read(1, &mut |row| {
        wrong += u64::from(row.body != record(&used(seen)).body);
        seen += 1;
        ControlFlow::Continue(())
    })?;
    let taken = journal.last_seq();
    if (seen, wrong) != (taken, 0) {
        return Err(format!("{taken} records were taken in, {seen} are there, {wrong} of them wrong").into());
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(path: &Path) -> Result<String, Box<dyn Error>> {
    let folder = DataFolder::open_or_create(path, Identity { instance: InstanceId(1), created_ms: 0 })?;
    let mut journal = Journal::open(&folder, JournalOptions::default())?;
    let mut rows = floor(&path.join("floor.sqlite"))?;
    let body = record(&used(0)).body;
    let mut shown = vec![format!("\"record_bytes\":{}", body.len())];
    for group in GROUPS {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(take_in(&mut journal, group)?);
            floors.push(fill(&mut rows, group, &body)?);
        }
        shown.push(format!("\"by_{group}_per_s\":{:.0}", median(ours)));
        shown.push(format!("\"floor_by_{group}_per_s\":{:.0}", median(floors)));
    }
    check(&journal)?;
    Ok(format!("{{{}}}", shown.join(",")))
}

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args_os().nth(1).ok_or("name an existing folder on the disk to measure")?;
    let path = Path::new(&parent).join(format!("sinew-intake-{}", std::process::id()));
    let measured = measure(&path);
    std::fs::remove_dir_all(&path)?;
    println!("{}", measured?);
    Ok(())
}
