use super::*;
use crate::args::{Cli, Command};
use clap::Parser;

fn parsed(words: &str) -> RunArgs {
    let words = ["sinew", "run"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).expect("it can be typed").command {
        Command::Run(args) => args,
        other => panic!("not a run: {other:?}"),
    }
}

fn shapes(words: &str) -> (String, Option<String>) {
    let request = request(&parsed(words)).expect("it makes sense");
    (request.least, request.most)
}

#[test]
fn one_shape_is_both_bounds_and_each_bound_may_be_named() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(shapes("-- true"), ("1 chip".to_owned(), None));
    assert_eq!(shapes("--shape 2x2x4 -- true"), ("2x2x4".to_owned(), some("2x2x4")));
    assert_eq!(shapes("--shape 2x2x4 --least 1x1x1 -- true"), ("1x1x1".to_owned(), some("2x2x4")));
    assert_eq!(shapes("--least 1x1x1 --most 2x2x4 -- true"), ("1x1x1".to_owned(), some("2x2x4")));
}

#[test]
fn a_workload_is_called_after_what_it_runs() {
    let name = |words: &str| program_name(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(name("/usr/bin/Echo hello"), "echo");
    assert_eq!(name("python3 $(SINEW_BUNDLE)/train.py --steps 3"), "train");
    assert_eq!(name("/bin/__"), "workload");
}

#[test]
fn inputs_are_files_or_hashes() {
    let hash = "0".repeat(64);
    let artefact = input(&format!("data/a={hash}")).expect("a hash");
    assert_eq!(artefact, ("data/a".to_owned(), Source::Artefact(hash.parse().expect("a hash"))));
    let file = input("a=b=c").expect("a file");
    assert_eq!(file, ("a".to_owned(), Source::File("b=c".into())));
    assert!(input("a").is_err());
    assert!(input("a=").is_err());
    assert!(input("a=.").expect_err("a folder").to_string().contains("--bundle"));
}

#[test]
fn the_environment_is_names_and_values() {
    let typed = |text: &str| environment(&[text.to_owned()]);
    assert_eq!(typed("A=b=c").expect("a pair")["A"], "b=c");
    assert!(typed("A").is_err());
    assert!(typed("=b").is_err());
}

#[test]
fn the_arguments_of_the_program_are_its_own() {
    let args = parsed("--name w -f -- tail -f --json x");
    assert_eq!(args.argv, ["tail", "-f", "--json", "x"]);
    assert!(args.follow);
}

#[test]
fn a_batch_says_what_its_workloads_are_and_any_flag_says_where_they_go() {
    assert!(parsed("--batch jobs.jsonl --server http://127.0.0.1:7117 --json").batch.is_some());
    for words in ["--batch jobs.jsonl --limit 2h", "--batch jobs.jsonl --wait", "--batch jobs.jsonl -- true"]
    {
        let words = ["sinew", "run"].into_iter().chain(words.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "each line of the file has its own");
    }
}
