//! Measures the control plane in process: `decide`, `apply` and the scheduler, with every event and every reason, and
//! without journal or network. Prints one JSON object.
//!
//! `lending million [WORKLOADS]`, `lending what-if`, `lending regions`, `lending kai`, `lending armada`.

#[path = "lending/load.rs"]
mod load;
#[path = "lending/world.rs"]
mod world;

use std::io;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["million"] => load::million(1_000_000),
        ["million", workloads] => load::million(workloads.parse().map_err(io::Error::other)?),
        ["what-if"] => load::what_if(),
        ["regions"] => load::regions()?,
        ["kai"] => load::kai(),
        ["armada"] => load::armada(),
        _ => {
            return Err(io::Error::other("write one of: million [WORKLOADS], what-if, regions, kai, armada"));
        }
    }
    Ok(())
}
