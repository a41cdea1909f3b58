use super::*;
use clap::CommandFactory;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("sinew").chain(words.split_whitespace()))
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn flags_for_everybody_stand_before_and_after_the_command() {
    for words in ["--json --data d ps --all", "ps --all --data d --json"] {
        let typed = parse(words).expect(words);
        assert!(typed.flags.json);
        assert_eq!(typed.flags.data, Some("d".into()));
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let cases = [
        "run --name w",
        "run true",
        "pool add north",
        "pool add north --cores 1 --topology x",
        "contract draft lyra",
        "--lang de ps",
        "artefact get nothash",
        "up --owner Aurora!",
        "up --listen 7390",
        "nothing",
    ];
    for words in cases {
        let refused = parse(words).expect_err(words);
        assert_eq!(refused.exit_code(), i32::from(crate::error::WRONG_USAGE), "{words}");
    }
}

#[test]
fn releases_are_made_and_listed_by_one_command() {
    assert!(parse("release ls").is_ok());
    assert!(parse("release chat-nano --trained-by a --gated-by b").is_ok());
}

#[test]
fn what_others_start_takes_their_arguments_as_they_are() {
    let typed = parse("engine train --help --data x").expect("the engine's own arguments");
    match typed.command {
        Command::Engine { arguments } => assert_eq!(arguments, ["train", "--help", "--data", "x"]),
        other => panic!("not the engine: {other:?}"),
    }
}

#[test]
fn every_exit_code_is_in_the_help() {
    use crate::error::{DIFFERS, DONE, FAILED, REFUSED, UNREACHABLE, WORKLOAD_FAILED, WRONG_USAGE};
    let help = Cli::command().render_long_help().to_string();
    for code in [DONE, FAILED, WRONG_USAGE, REFUSED, DIFFERS, UNREACHABLE, WORKLOAD_FAILED] {
        assert!(help.contains(&format!("\n  {code}  ")), "{code} is not in the help");
    }
}

#[test]
fn every_command_that_people_type_shows_an_example_or_has_commands_that_do() {
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let told = command.get_after_help().is_some() || command.has_subcommands();
        assert!(told, "`sinew {}` has no example", command.get_name());
    }
}
