//! The suites that are known by name: where their files lie, how they are asked, and what guessing reaches.
//!
//! Shots and shares of guessing of CORE are DCLM's (arXiv:2406.11794, appendix G, and its `eval_meta_data.csv`).

use super::{Manner, Rule};

/// The tasks of CORE whose data are at hand. Their mean is called CORE-12, since CORE has 22.
pub const CORE_12: [&str; 12] = [
    "arc_easy",
    "arc_challenge",
    "copa",
    "piqa",
    "openbook_qa",
    "lambada_openai",
    "winograd_wsc",
    "winogrande",
    "bigbench_dyck_languages",
    "bigbench_cs_algorithms",
    "bigbench_operators",
    "bigbench_repeat_copy_logic",
];

/// The tasks of BIG-Bench-Hard (arXiv:2210.09261).
const BBH: [&str; 27] = [
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
];

/// A suite by its name, before its file is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// What it is called.
    pub name: String,
    /// Its file below the folder of suites, without `.gz`; for one's own, as it was named.
    pub file: String,
    /// Another file whose questions are shown as examples.
    pub examples: Option<String>,
    /// How it is asked.
    pub manner: Manner,
    pub(super) form: FileForm,
    /// Whether guessing is worked out from the questions, since nobody published it.
    pub(super) guessed: bool,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileForm {
    /// A JSON object a line.
    Lines,
    /// A task of BIG-Bench-Hard.
    Tasks,
    /// A subject of MMLU.
    Subject,
    /// TruthfulQA's table.
    Truths,
}

impl Known {
    /// A suite of one's own: lines of JSON.
    pub fn own(name: &str, file: &str) -> Known {
        Known {
            name: name.to_owned(),
            file: file.to_owned(),
            examples: None,
            manner: manner(0, " ", 0.0, Rule::Mean),
            form: FileForm::Lines,
            guessed: true,
        }
    }

    /// A subject of MMLU with its five examples (arXiv:2009.03300).
    pub fn mmlu(subject: &str) -> Known {
        let about = subject.replace('_', " ");
        let preamble = format!("The following are multiple choice questions (with answers) about {about}.");
        Known {
            name: format!("mmlu/{subject}"),
            file: format!("mmlu/test/{subject}_test.csv"),
            examples: Some(format!("mmlu/dev/{subject}_dev.csv")),
            manner: Manner { preamble, ..manner(5, " ", 0.25, Rule::Sum) },
            form: FileForm::Subject,
            guessed: false,
        }
    }
}

fn manner(shots: usize, delimiter: &str, chance: f64, rule: Rule) -> Manner {
    Manner { shots, delimiter: delimiter.to_owned(), preamble: String::new(), chance, rule }
}

/// The suites of a name: one, or all of a group such as `core-12` or `bbh`. None where the name is not known.
///
/// MMLU is not among them: its subjects are known only from its files ([`Known::mmlu`]).
pub fn known_suites(name: &str) -> Option<Vec<Known>> {
    match name {
        "core-12" => Some(CORE_12.iter().filter_map(|task| known_suite(task)).collect()),
        "bbh" => Some(BBH.iter().map(|task| bbh(task)).collect()),
        other => known_suite(other).map(|known| vec![known]),
    }
}

/// All names that are known, for a sentence that lists them.
pub fn known_names() -> Vec<&'static str> {
    let single =
        ["gsm8k", "truthfulqa", "svamp", "simple_arithmetic_nospaces", "simple_arithmetic_withspaces"];
    ["core-12", "bbh", "mmlu"].into_iter().chain(single).chain(CORE_12).collect()
}

/// One suite by its name.
pub fn known_suite(name: &str) -> Option<Known> {
    if let Some(task) = name.strip_prefix("bbh/").filter(|task| BBH.contains(task)) {
        return Some(bbh(task));
    }
    let lines = |file: String, manner: Manner| Known {
        name: name.to_owned(),
        file,
        examples: None,
        manner,
        form: FileForm::Lines,
        guessed: false,
    };
    let core = |manner: Manner| lines(format!("core-eval/{name}.jsonl"), manner);
    let answered = "\nAnswer: ";
    Some(match name {
        "arc_easy" | "arc_challenge" => core(manner(10, answered, 0.25, Rule::Mean)),
        "piqa" => core(manner(10, answered, 0.5, Rule::Mean)),
        "copa" => core(manner(0, " ", 0.5, Rule::Mean)),
        "openbook_qa" => core(manner(0, " ", 0.25, Rule::Mean)),
        "winograd_wsc" | "winogrande" => core(manner(0, " ", 0.5, Rule::Mean)),
        "lambada_openai" => core(manner(0, " ", 0.0, Rule::Mean)),
        "bigbench_dyck_languages"
        | "bigbench_cs_algorithms"
        | "bigbench_operators"
        | "bigbench_repeat_copy_logic"
        | "simple_arithmetic_nospaces"
        | "simple_arithmetic_withspaces" => core(manner(10, " ", 0.0, Rule::Mean)),
        "svamp" => core(manner(5, "\nAnswer: ", 0.0, Rule::Mean)),
        "gsm8k" => Known {
            examples: Some("gsm8k/train.jsonl".to_owned()),
            ..lines("gsm8k/test.jsonl".to_owned(), manner(5, answered, 0.0, Rule::Mean))
        },
        "truthfulqa" => Known {
            form: FileForm::Truths,
            guessed: true,
            ..lines("truthfulqa/TruthfulQA.csv".to_owned(), manner(0, "\nA: ", 0.0, Rule::Sum))
        },
        _ => return None,
    })
}

fn bbh(task: &str) -> Known {
    Known {
        name: format!("bbh/{task}"),
        file: format!("bbh/{task}.json"),
        examples: None,
        manner: manner(3, "\nA: ", 0.0, Rule::Mean),
        form: FileForm::Tasks,
        guessed: false,
    }
}
