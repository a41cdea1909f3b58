//! `cargo xtask bench`: one list of benchmarks. Each returns figures; here they become a table, JSON and a
//! page.

mod demo;
mod report;
mod whole;

use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use report::{Figure, Report};
use std::path::Path;

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
        name: "kill",
        what: "kill -9 of the server at random moments under load: what was acknowledged, lost or done twice",
        run: whole::kill,
    },
    Bench {
        name: "recall",
        what: "from the owner's request to its own program on the core, with every second borrower ignoring its notice",
        run: whole::recall,
    },
];

/// Names the benchmarks.
pub(crate) fn list() {
    for bench in BENCHES {
        println!("{:12} {}", bench.name, bench.what);
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
    std::fs::write(&page, report.page()).with_context(|| format!("cannot write {}", page.display()))?;
    if let Some(file) = json {
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
