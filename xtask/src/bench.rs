//! `cargo xtask bench`: one list of benchmarks. Each returns figures; here they become a table, JSON and a
//! page.

mod decode;
mod demo;
mod intake;
mod lending;
mod money;
mod openb;
mod proof;
mod rating;
mod report;
mod submissions;
mod suites;
mod train;
mod whole;

use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use report::{Figure, Report};
use std::path::Path;

/// What a page's notes begin with.
const NOTES: &str = "\n## Notes\n";

/// A benchmark.
struct Bench {
    name: &'static str,
    what: &'static str,
    run: fn(&Repository) -> Result<Vec<Figure>>,
}

/// All of them. A new one is a file in `bench/` and a line here.
const BENCHES: &[Bench] = &[
    Bench { name: "demo", what: "how long each part of `sinew demo` takes", run: demo::run },
    Bench {
        name: "decode",
        what: "SmolLM2 with weights of 4 bits, and random weights of a larger shape, beside llama.cpp",
        run: decode::run,
    },
    Bench {
        name: "first-token",
        what: "SmolLM2 from the start of the process to its first token, beside llama.cpp",
        run: decode::first_token,
    },
    Bench {
        name: "parity",
        what: "SmolLM2's tokens, answers and perplexity, beside llama.cpp's",
        run: decode::parity,
    },
    Bench {
        name: "suites",
        what: "SmolLM2's scores on four suites, beside lm-evaluation-harness on the same items and endpoint",
        run: suites::run,
    },
    Bench {
        name: "kill",
        what: "kill -9 of the server at random moments under load: what was acknowledged, lost or done twice",
        run: whole::kill,
    },
    Bench {
        name: "lending-million",
        what: "a million chips, 200 labs, gangs from a chip to eight pods, more than the pool can hold",
        run: lending::million,
    },
    Bench {
        name: "what-if",
        what: "a copy of that state and the answer to a question",
        run: lending::what_if,
    },
    Bench {
        name: "regions",
        what: "who holds what of a million chips: pod by pod, of one pod cube by cube, of one cube host by host",
        run: lending::regions,
    },
    Bench {
        name: "kai-reclaim",
        what: "500 hosts of 8: 4,000 one-chip jobs run on loan, 4,000 of the lender come",
        run: lending::kai,
    },
    Bench {
        name: "armada-round",
        what: "1,000 hosts, 10 labs, 320,000 jobs submitted, 32,000 placed",
        run: lending::armada,
    },
    Bench {
        name: "kueue",
        what: "Kueue's generators through the real control plane: simulated time over the floor",
        run: lending::kueue,
    },
    Bench {
        name: "itp-lending",
        what: "ITP's clusters as organisations at a quarter of their hosts: each alone, and lending",
        run: lending::itp,
    },
    Bench {
        name: "pollux",
        what: "Pollux' elastic training jobs: mean completion time under published policies and our own",
        run: lending::pollux,
    },
    Bench {
        name: "itp-deadlines",
        what: "ITP's clusters with deadlines: the share met by our policy and by published ones in the same simulator",
        run: lending::deadlines,
    },
    Bench {
        name: "money",
        what: "where money goes: the shared table of figures, and 10,000 parties with 200,000 deals from file to JSON",
        run: money::run,
    },
    Bench {
        name: "openb",
        what: "parts of devices on Alibaba's traces: the share of all devices given out when 100 % and 130 % are asked for",
        run: openb::run,
    },
    Bench {
        name: "rating",
        what: "usage records rated and posted while they stream by: 100,000 accelerators, one record a minute",
        run: rating::run,
    },
    Bench {
        name: "intake",
        what: "usage records taken in by the journal, each durable when its commit returns, beside SQLite with ready-made rows",
        run: intake::run,
    },
    Bench {
        name: "start",
        what: "the whole server from its process to its first answer, young and old",
        run: whole::start,
    },
    Bench {
        name: "submissions",
        what: "workloads submitted in batches and one by one, and jobs of `/bin/true` run to their recorded end",
        run: submissions::run,
    },
    Bench {
        name: "proof",
        what: "1,000 changes of one byte of an invoice's proof: how many either of two verifiers accepts",
        run: proof::run,
    },
    Bench {
        name: "recall",
        what: "from the owner's request to its own program on the core, with every second borrower ignoring its notice",
        run: whole::recall,
    },
    Bench {
        name: "train",
        what: "training steps of three decoders in f32 on two threads, beside PyTorch at its best",
        run: train::train,
    },
    Bench {
        name: "train-memory",
        what: "the most memory that such a training holds at once",
        run: train::memory,
    },
    Bench {
        name: "resume",
        what: "training killed with -9 again and again, going on with other threads, against a run left alone",
        run: train::resume,
    },
];

/// What people wrote below a page's figures; a new run leaves it there.
fn notes(page: &str) -> &str {
    page.find(NOTES).map_or("", |at| &page[at..])
}

/// Names the benchmarks.
pub(crate) fn list() {
    for bench in BENCHES {
        println!("{:16} {}", bench.name, bench.what);
    }
}

/// Runs one, prints its table, writes `docs/bench/NAME.md`, and JSON where a file is given.
pub(crate) fn run(repository: &Repository, name: &str, json: Option<&Path>) -> Result<()> {
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("there is no benchmark `{name}`; `cargo xtask bench list` names them");
    };
    let report = Report {
        bench: bench.name,
        what: bench.what,
        commit: repository.commit(),
        machine: report::machine(),
        figures: (bench.run)(repository)?,
    };
    print!("{}", report.table());
    let pages = repository.root.join("docs/bench");
    std::fs::create_dir_all(&pages).with_context(|| format!("cannot make {}", pages.display()))?;
    let page = pages.join(format!("{name}.md"));
    let before = std::fs::read_to_string(&page).unwrap_or_default();
    let text = report.page() + notes(&before);
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    if let Some(file) = json {
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
