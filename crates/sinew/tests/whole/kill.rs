//! kill -9 of the server at random moments under load. `cargo xtask bench kill` does it 50 times.

use crate::api::Api;
use crate::leaving::lab_of;
use crate::world::{Program, binary, free_port, owner_of, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn kills() -> u32 {
    std::env::var("SINEW_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// What the clients were told.
#[derive(Default)]
struct Told {
    acknowledged: Vec<String>,
    doubled: Vec<String>,
}

/// Submits workloads as fast as the server answers. A request whose answer got lost is sent again under the same key,
/// as any client would; if the first was done, the server must say so and not do it twice.
fn load(api: &Api, client: u32, stop: &AtomicBool, told: &Mutex<Told>) {
    for count in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("load-{client}-{count}");
        let body = json!({"name": name, "least": "1 chip", "argv": ["true"]});
        loop {
            match api.try_post("/api/workloads", &body, Some(&name)) {
                Ok(answer) if answer.status == 200 => {
                    told.lock().expect("no client panics").acknowledged.push(name);
                    break;
                }
                // The name is taken although the key is the same: it was done and forgotten.
                Ok(answer) if answer.status == 409 => {
                    told.lock().expect("no client panics").doubled.push(name);
                    break;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
                Err(_) if stop.load(Ordering::Relaxed) => return,
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

/// How often each workload stands in the journal, and how often each lease was granted.
fn journal(data: &std::path::Path) -> (BTreeMap<String, u32>, BTreeMap<String, u32>) {
    let reader = sinew_store::JournalReader::open(data).expect("the journal opens");
    reader.check().expect("the journal is whole");
    let (mut submitted, mut granted) = (BTreeMap::new(), BTreeMap::new());
    reader
        .read(1, &mut |row| {
            match sinew_server::read_event(&row).expect("every record reads").event {
                sinew_core::Event::WorkloadSubmitted { spec, .. } => {
                    *submitted.entry(spec.name.to_string()).or_insert(0) += 1
                }
                sinew_core::Event::LeaseGranted { id, epoch, .. } => {
                    *granted.entry(format!("{id}/{epoch}")).or_insert(0) += 1
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .expect("the journal reads");
    (submitted, granted)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home, port) = (folder.path().join("data"), folder.path().join("home"), free_port());
    let mut program = Program::up(&data, &home, port);
    let lab = lab_of(&program, &home);
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Told::default())));
    let clients: Vec<_> = (0..3)
        .map(|client| {
            let (lab, stop, told) = (lab.clone(), Arc::clone(&stop), Arc::clone(&told));
            thread::spawn(move || load(&lab, client, &stop, &told))
        })
        .collect();
    for round in 0..kills() {
        let mut chance = [0_u8; 2];
        getrandom::fill(&mut chance).expect("chance");
        thread::sleep(Duration::from_millis(20 + u64::from(u16::from_le_bytes(chance)) % 400));
        program.kill();
        println!("kill {round}");
        program = Program::up(&data, &home, port);
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().expect("no client panics"));
    let owner = owner_of(&program, &home);
    let contract = owner.get("/api/contracts").body["items"][0]["id"].as_str().expect("an id").to_owned();
    let invoice = owner.must(&format!("/api/contracts/{contract}/invoices"), &json!({}));
    program.kill();
    let _again = Program::up(&data, &home, port);
    let same: Value = until("the invoice", || {
        Some(owner.get(&format!("/api/invoices/{contract}/1"))).filter(|a| a.status == 200)
    })
    .body;
    assert_eq!(invoice, same, "the same invoice after a replay");
    let told = told.lock().expect("no client panics");
    let (submitted, granted) = journal(&data);
    let lost = told.acknowledged.iter().filter(|name| !submitted.contains_key(*name)).count();
    let doubled =
        submitted.values().chain(granted.values()).filter(|count| **count > 1).count() + told.doubled.len();
    println!(
        "FIGURES {}",
        json!({"kills": kills() + 1, "acknowledged": told.acknowledged.len(), "lost": lost, "doubled": doubled})
    );
    assert!(!told.acknowledged.is_empty());
    assert_eq!((lost, doubled), (0, 0));
    let verified =
        Command::new(binary()).args(["verify", "--data"]).arg(&data).output().expect("verify runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
