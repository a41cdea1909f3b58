//! Suites: asked of a release that is served for them, kept, never asked twice.

use crate::model::stories;
use crate::support::World;
use serde_json::json;
use std::fs;

/// A suite of one's own in three forms of question, one of them longer than the model's context of 512 tokens.
fn suite() -> String {
    let long = "Lily and Ben went to the park. ".repeat(200);
    let questions = [
        json!({"query": "Once upon a", "choices": ["time there was a little girl.", "qzx qzx vwk 77."], "gold": 0}),
        json!({"query": "Lily was very", "choices": ["%%%% ;;;;", "happy and she smiled."], "gold": 1}),
        json!({"context": "Once upon a", "continuation": "time"}),
        json!({"question": "Once upon a time", "answer": "no model says this"}),
        json!({"context": long, "continuation": "Then"}),
    ];
    questions.iter().map(|question| format!("{question}\n")).collect()
}

#[test]
fn a_suite_is_asked_once_of_a_release_that_is_served_for_it() {
    let world = World::new();
    if stories(&world.path("stories.gguf")).is_none() {
        return;
    }
    fs::write(world.path("mine.jsonl"), suite()).expect("the folder is ours");
    let key = world.lab("lyra");
    world.contract("lyra");
    world.run("lyra", "model pull stories.gguf").good();
    world.run("lyra", "model admit stories").good();
    let line = "eval stories@1 --suite mine.jsonl --shots 0 --out answers.jsonl";
    let told = world.json("lyra", line);
    let score = &told["groups"][0]["suites"][0];
    assert_eq!(
        (&score["suite"], &score["asked"], &score["of"]),
        (&json!("mine"), &json!(5), &json!(5)),
        "{told}"
    );
    assert_eq!((&score["share"], &score["too_long"]), (&json!(0.6), &json!(1)), "{told}");
    assert_eq!(told["asked_now"], 5);
    let kept = fs::read_to_string(world.path("answers.jsonl")).expect("the answers");
    assert_eq!(kept.lines().count(), 5);
    assert!(kept.contains("this model reads at most 511"), "the server's own words: {kept}");
    assert!(kept.contains("\"said\":\", there was a little girl named Lily."), "{kept}");
    let left = world.json("lyra", "ps");
    assert!(left.as_array().expect("a list").iter().all(|view| view["state"] == "leaving"), "{left}");

    // The second run has two answers left to ask; its workload's name is another one.
    let three: String = kept.lines().take(3).map(|line| format!("{line}\n")).collect();
    fs::write(world.path("answers.jsonl"), three).expect("the folder is ours");
    let again = world.json("lyra", line);
    assert_eq!((&again["asked_now"], &again["groups"]), (&json!(2), &told["groups"]));
    let table = world.run("lyra", line).good();
    assert!(table.starts_with("SUITE  ASKED  SHOTS  RIGHT   95 %"), "{table}");
    assert!(table.contains("mine   5      0      60.0 %"), "{table}");

    // Of a question that stands in the training text is told, and how the others went.
    fs::write(
        world.path("learnt.txt"),
        "So it began: lily and ben WENT to the park. Lily and Ben went to the park. And so on.",
    )
    .expect("the folder is ours");
    let learnt = world.json("lyra", &format!("{line} --trained-on learnt.txt"));
    let found = &learnt["groups"][0]["suites"][0]["trained_on"];
    assert_eq!(
        (&learnt["asked_now"], &found["share_unseen"], &found["too_short"]),
        (&json!(0), &json!(0.75), &json!(2)),
        "{found}"
    );
    assert_eq!(found["seen"], json!({"4": "lily and ben went to the park lily and ben went to the"}));
    let said = world.run("lyra", &format!("{line} --trained-on learnt.txt")).err;
    assert!(
        said.contains(
            "mine: 1 of 5 questions stand in what the model learnt from (4); of the others 75.0 % are right"
        ),
        "{said}"
    );

    // Our own server, asked as any other: no extension of ours is used.
    world.run("lyra", "serve stories@1").good();
    let other = format!("eval stories@1 --suite mine.jsonl --shots 0 --url {}/v1 --json", world.url());
    let answer = world.run_with("lyra", &[("OPENAI_API_KEY", &key)], &other).good();
    let other: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(other["groups"], told["groups"]);
}

#[test]
fn what_cannot_be_asked_is_said_before_anything_is() {
    let world = World::new();
    world.lab("lyra");
    let refused = |line: &str, code: i32| world.run("lyra", &format!("eval {line}")).bad(code);
    let said = refused("m@1 --suite nosuch", 2);
    assert!(said.contains("there is no suite and no file `nosuch`; suites are core-12, bbh, mmlu"), "{said}");
    let said = refused("m@1 --suite copa --from .", 2);
    assert!(said.contains("`copa` needs core-eval/copa.jsonl, plain or .gz, below ."), "{said}");
    fs::write(world.path("bad.jsonl"), "{\"query\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 2}\n")
        .expect("ours");
    let said = refused("m@1 --suite bad.jsonl", 2);
    assert!(
        said.contains("bad.jsonl: line 1: `gold` has to be the number of the right one, from 0 to 1"),
        "{said}"
    );
    fs::write(world.path("mine.jsonl"), suite()).expect("the folder is ours");
    let said = refused("m@1 --suite mine.jsonl", 2);
    assert!(said.contains("there is no release `m@1` (there are none yet)"), "{said}");
    let said = refused("m@1 --suite mine.jsonl,mine.jsonl", 2);
    assert!(said.contains("names `mine.jsonl` twice"), "{said}");
    let said = refused("m@1 --suite mine.jsonl --url ftp://there", 2);
    assert!(said.contains("an address such as http://127.0.0.1:8000/v1 is expected"), "{said}");
    let said = refused("m@1 --suite mine.jsonl --trained-on nowhere.txt", 1);
    assert!(said.contains("nowhere.txt"), "{said}");
    fs::write(world.path("notes.txt"), "my notes\n").expect("the folder is ours");
    let said = refused("m@1 --suite mine.jsonl --out notes.txt", 2);
    assert!(said.contains("notes.txt is no file of answers"), "{said}");
    let said = world.run("lyra", &format!("eval m@1 --suite mine.jsonl --url {}/v1", world.url())).bad(1);
    assert!(said.contains("says no (401)"), "{said}");
}
