//! Who may depend on whom: one table, and one sentence for each edge that breaks it.
//!
//! Within a lane an edge goes down to a lower layer. The lanes meet in two edges only: the program starts the
//! engine, and the engine speaks the wire types.

#[cfg(test)]
mod tests;

use crate::repository::{Kind, Member};

/// The half of the system that a crate belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Decides who runs where, what it costs and who can prove it. Never sees a tensor.
    Lending,
    /// Trains and serves. Never sees a contract.
    Model,
    /// Not part of the product: the workshop and the helpers of tests.
    Workshop,
}

/// Each crate with its lane and its layer, lowest first.
const TABLE: &[(&str, Lane, u8)] = &[
    ("sinew-types", Lane::Lending, 0),
    ("sinew-contract", Lane::Lending, 1),
    ("sinew-sched", Lane::Lending, 2),
    ("sinew-registry", Lane::Lending, 2),
    ("sinew-ledger", Lane::Lending, 2),
    ("sinew-circulation", Lane::Lending, 2),
    ("sinew-proof", Lane::Lending, 2),
    ("sinew-export", Lane::Lending, 3),
    ("sinew-core", Lane::Lending, 3),
    ("sinew-api", Lane::Lending, 4),
    ("sinew-store", Lane::Lending, 4),
    ("sinew-exec", Lane::Lending, 4),
    ("sinew-server", Lane::Lending, 5),
    ("sinew-sim", Lane::Lending, 5),
    ("sinew", Lane::Lending, 6),
    ("sinew-tensor", Lane::Model, 0),
    ("sinew-model", Lane::Model, 1),
    ("sinew-train", Lane::Model, 2),
    ("sinew-infer", Lane::Model, 2),
    ("sinew-eval", Lane::Model, 2),
    ("sinew-engine", Lane::Model, 3),
    (TEST_HELPER, Lane::Workshop, 0),
    ("xtask", Lane::Workshop, 1),
];

/// Pure crates: no clock, no thread, no file, no environment.
pub(crate) const PURE: &[&str] = &[
    "sinew-types",
    "sinew-contract",
    "sinew-sched",
    "sinew-registry",
    "sinew-ledger",
    "sinew-circulation",
    "sinew-export",
    "sinew-proof",
    "sinew-core",
];

/// Edges inside a layer that are meant: benchmarks use training and inference.
const SAME_LAYER: &[(&str, &str)] = &[("sinew-eval", "sinew-infer"), ("sinew-eval", "sinew-train")];

/// The only edges between the lanes.
const BETWEEN_LANES: &[(&str, &str)] = &[("sinew", "sinew-engine"), ("sinew-engine", "sinew-api")];

/// Runs programs for anybody: it has types of its own, and the server converts.
const ALONE: &str = "sinew-exec";

/// What tests of every crate may use, and nothing else may.
const TEST_HELPER: &str = "sinew-testkit";

/// One dependency between two crates of the workspace.
pub(crate) struct Edge {
    /// The crate whose manifest asks.
    pub(crate) from: String,
    /// The crate that it asks for.
    pub(crate) to: String,
    /// When it is needed.
    pub(crate) kind: Kind,
}

/// A sentence for each crate that the table lacks and for each edge that breaks a rule.
pub(crate) fn complaints(members: &[Member]) -> Vec<String> {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let unknown = names.iter().filter(|name| place(name).is_none()).map(|name| unknown_crate(name));
    unknown.chain(edges(members).iter().filter_map(wrong)).collect()
}

fn edges(members: &[Member]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for from in members {
        for needed in &from.dependencies {
            if members.iter().any(|member| member.name == needed.name) {
                edges.push(Edge { from: from.name.clone(), to: needed.name.clone(), kind: needed.kind });
            }
        }
    }
    edges
}

/// What is wrong with an edge, if anything is.
pub(crate) fn wrong(edge: &Edge) -> Option<String> {
    let (from, to) = (edge.from.as_str(), edge.to.as_str());
    // Crates outside the table have their own sentence.
    let ((from_lane, from_layer), (to_lane, to_layer)) = (place(from)?, place(to)?);
    let reason = if to == TEST_HELPER {
        (edge.kind != Kind::Dev).then(|| "it is for tests: make it a dev-dependency".to_owned())
    } else if from == ALONE {
        Some(
            "it runs programs for anybody and knows no other crate of Sinew: convert in sinew-server"
                .to_owned(),
        )
    } else if from_lane == Lane::Workshop || to_lane == Lane::Workshop {
        Some("the workshop and the product know nothing of each other".to_owned())
    } else if from_lane != to_lane {
        let meant = BETWEEN_LANES.contains(&(from, to));
        (!meant).then(|| "the lending lane and the model lane meet only through sinew-api".to_owned())
    } else if to_layer < from_layer || SAME_LAYER.contains(&(from, to)) {
        None
    } else {
        Some(format!("{from} is in layer {from_layer}, {to} in layer {to_layer}, and edges go down"))
    };
    reason.map(|reason| format!("{from} must not depend on {to}: {reason}"))
}

fn place(name: &str) -> Option<(Lane, u8)> {
    TABLE.iter().find(|(known, ..)| *known == name).map(|(_, lane, layer)| (*lane, *layer))
}

fn unknown_crate(name: &str) -> String {
    format!("{name} has no layer: add it to the table in xtask/src/layers.rs")
}
