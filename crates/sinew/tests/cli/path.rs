//! The whole path by command line: from an owner's offer to a bill that is recomputed.

use crate::support::{Answer, World, sinew};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn an_owner_lends_a_lab_runs_and_both_can_recompute_the_bill() {
    let world = World::new();
    world.lab("lyra");
    let contract = world.contract("lyra");

    // Shown by name and by id, on both sides.
    assert!(world.run("lyra", "contract show aurora").good().contains("recall bound"));
    assert!(world.run("aurora", "contract ls").good().contains("aurora -> lyra"));

    let followed = world.run("lyra", "run -f --name hello -- /bin/echo from the lease");
    assert_eq!(followed.code, 0, "{}", followed.err);
    assert_eq!(followed.out, "from the lease\n");
    assert!(followed.err.contains("lyra/hello is done"), "{}", followed.err);
    assert_eq!(world.run("lyra", "logs hello").good(), "from the lease\n");
    assert_eq!(world.run("lyra", "logs -f lyra/hello").good(), "from the lease\n");

    let failed = world.run("lyra", "run -f -- /bin/sh -c 'exit 3'").bad(6);
    assert!(failed.contains("status 3"), "{failed}");

    assert_eq!(world.json("lyra", "ps"), serde_json::json!([]));
    let all = world.json("lyra", "ps --all");
    assert_eq!(all.as_array().expect("a list").len(), 2);
    assert!(world.run("lyra", "explain hello").good().contains("lyra/hello is done"));
    world.run("lyra", "stop hello").bad(3);

    let invoice = world.json("aurora", "invoice close lyra");
    assert_eq!(invoice["number"], 1);
    let shown = world.run("lyra", &format!("invoice show {contract}/1")).good();
    assert!(shown.contains("guaranteed") && shown.contains("total"), "{shown}");
    assert!(world.run("aurora", "invoice ls").good().contains("aurora -> lyra"));

    // Offline, while the server runs.
    let verified = world.run("nobody", &format!("verify {contract}/1")).good();
    assert!(verified.trim_end().ends_with("equal"), "{verified}");
    assert_eq!(world.json("nobody", "verify")["equal"], true);
    world.run("nobody", &format!("verify {contract}/2")).bad(2);
    assert!(
        world
            .run("lyra", &format!("invoice export {contract} 7 --format json"))
            .bad(3)
            .contains("no invoice")
    );
    // A log's key is the one that its server signs with, and is never drawn by asking for it.
    let no_key = world.run("lyra", &format!("invoice log-key {contract}")).bad(2);
    assert!(no_key.contains("no log key"), "{no_key}");
}

#[test]
fn what_was_paid_stands_on_the_statements_of_both_sides_once() {
    let world = World::new();
    world.lab("lyra");
    world.lab("vega");
    world.contract("lyra");
    let pay = |amount: &str, reference: &str| {
        world
            .run("aurora", &format!("payment record lyra '{amount}' --reference {reference} --on 2026-01-02"))
    };
    assert!(pay("120.00 USD", "A-1").good().contains("lyra -> aurora"));
    // The same again is the same payment; another by its reference is none.
    pay("120.00 USD", "A-1").good();
    assert!(pay("121.00 USD", "A-1").bad(3).contains("`A-1` is the payment of 120.00 USD"));
    assert!(pay("5.00 EUR", "A-2").bad(3).contains("only in USD"));
    assert!(pay("1,000.00 USD", "A-2").bad(3).contains("an amount such as"));
    pay("-20.00 USD", "A-2").good();

    for who in ["aurora", "lyra"] {
        assert!(world.run(who, "payment ls").good().contains("A-1"));
        let statements = world.json(who, "statement --from 2026-01-01 --to 2026-02-01");
        assert_eq!(statements[0]["opening"], "0.00 USD");
        assert_eq!(statements[0]["booked"][0]["of"], "A-1");
        assert_eq!(statements[0]["booked"][1]["balance"], "-100.00 USD");
        assert_eq!(statements[0]["closing"], "-100.00 USD");
        let csv = world.run(who, "statement --from 2026-01-01 --to 2026-02-01 --format csv").good();
        assert!(csv.contains("aurora,lyra,2026-01-02T00:00:00.000Z,paid,A-1,-120.00,-120.00,USD"), "{csv}");
    }
    assert!(world.run("lyra", "statement aurora").good().contains("closing"));
    assert!(world.run("lyra", "invoice export --format hledger").good().contains("(A-1) aurora"));
    // Nobody else has a part in it, and only the owner writes it down.
    assert_eq!(world.json("vega", "payment ls"), serde_json::json!([]));
    assert_eq!(world.json("vega", "statement"), serde_json::json!([]));
    world.run("vega", "statement lyra").bad(3);
    world.run("lyra", "payment record aurora '1.00 USD' --reference B-1").bad(3);
    assert_eq!(world.json("nobody", "verify")["equal"], true);
}

#[test]
fn what_a_program_needs_is_sent_and_what_it_leaves_is_kept() {
    let world = World::new();
    world.lab("lyra");
    world.contract("lyra");
    std::fs::create_dir_all(world.path("code")).expect("a folder");
    std::fs::write(world.path("code/main.sh"), "cat $SINEW_INPUTS/data/a > $SINEW_OUT/b; echo $GREETING\n")
        .expect("a file");
    std::fs::write(world.path("a.txt"), "bytes").expect("a file");
    let run = "run -f --name copy --bundle code --input data/a=a.txt -e GREETING=hi -- \
               /bin/sh '$(SINEW_BUNDLE)/main.sh'";
    assert_eq!(world.run("lyra", run).good(), "hi\n");
    assert_eq!(world.run("lyra", "logs --file out/b copy").good(), "bytes");

    let hash =
        world.json("lyra", "explain copy")["workload"]["outputs"]["b"].as_str().expect("a hash").to_owned();
    assert_eq!(world.run("lyra", &format!("artefact get {hash}")).good(), "bytes");
    world.run("lyra", &format!("artefact get {hash} -o fetched")).good();
    assert_eq!(std::fs::read(world.path("fetched")).expect("it was fetched"), b"bytes");
    assert!(world.run("lyra", "artefact put a.txt").good().starts_with(&hash));
    assert!(world.run("lyra", "artefact ls").good().contains(&hash));
    // The owner has no such artefact: bytes of one organisation are nobody else's.
    world.run("aurora", &format!("artefact get {hash}")).bad(3);

    // Sent a second time, from the hash alone.
    let again = format!("run -f --input data/a={hash} -- /bin/cat '$(SINEW_INPUTS)/data/a'");
    assert_eq!(world.run("lyra", &again).good(), "bytes");
}

#[test]
fn keys_are_private_and_stay_out_of_the_data_folder() {
    let world = World::new();
    world.lab("lyra");
    for (who, name) in [("aurora", "aurora"), ("lyra", "lyra")] {
        for file in ["profile.toml", "signing.key"] {
            let path = world.path(&format!("home-{who}/profiles/{name}/{file}"));
            let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
    let key = std::fs::read_to_string(world.path("home-lyra/profiles/lyra/signing.key")).expect("it is ours");
    let config = world.run("lyra", "config show --origin").good();
    assert!(!config.contains(key.trim()), "{config}");
    assert!(config.contains("organisation  lyra"), "{config}");
    assert!(config.contains("file home-lyra/profiles/lyra/profile.toml"), "{config}");

    let inside = format!("--home sinew-data/keys org join --server {} --key sk-1", world.url());
    let mut command = sinew(&world.path(""));
    let refused = command.args(inside.split(' ')).output().expect("the program starts");
    // The key is wrong as well; whichever is said, nothing is written there.
    assert_ne!(refused.status.code(), Some(0));
    assert!(!world.path("sinew-data/keys").exists());
}

#[test]
fn a_server_that_was_killed_is_found_again_by_its_clients() {
    let mut world = World::new();
    world.lab("lyra");
    world.contract("lyra");
    world.run("lyra", "run -f --name before -- /bin/true").good();
    world.kill();
    let away = world.run("lyra", "ps").bad(5);
    assert!(away.contains("cannot reach the server"), "{away}");
    world.start();
    // The owner's profile follows the new port by itself; the lab is told.
    assert!(world.run("aurora", "contract ls").good().contains("signed"));
    let url = world.url().to_owned();
    assert!(world.run("lyra", &format!("--server {url} ps --all")).good().contains("lyra/before"));
}

#[test]
fn no_is_said_clearly_and_with_its_code() {
    let world = World::new();
    world.lab("lyra");
    world.contract("lyra");

    let terms = "contract draft lyra --pool north --notice 5s --price '1 USD/chip-hour'";
    let draft = |rest: &str| world.run("aurora", &format!("{terms} {rest}"));
    assert!(draft("--until 30d --borrow '-1 chip'").bad(2).contains("zero or more"));
    assert!(draft("--guarantee '1 chip' --starts 2030-01-01 --until 2029-01-01").bad(2).contains("2029"));
    assert!(draft("--guarantee '1 chip' --until 30d --borrowed '1 EUR/chip-hour'").bad(2).contains("EUR"));
    assert!(draft("--until soon").bad(2).contains("until"));

    let file = draft("--guarantee '9 chips' --until 30d").good();
    std::fs::write(world.path("much.toml"), &file).expect("a file");
    world.run("aurora", "contract sign much.toml").bad(3);
    std::fs::write(world.path("odd.toml"), format!("{file}\nbonus = 1\n")).expect("a file");
    assert!(world.run("aurora", "contract sign odd.toml").bad(2).contains("bonus"));

    world.run("lyra", "run --shape '64 chips' -- /bin/true").bad(3);
    world.run("lyra", "run --shape '2 elephants' -- /bin/true").bad(2);
    world.run("lyra", "logs nothing").bad(3);
    world.run("lyra", "org add rival").bad(3);
    world.run("lyra", "pool add mine --cores 4000").bad(3);
    world.run("nobody", "ps").bad(2);
    let french = world.run("lyra", "--lang fr logs rien").bad(3);
    assert!(french.contains("il n'y a pas"), "{french}");

    // A folder in use, and one of somebody else; nothing is left behind.
    let up = |rest: &str| {
        let mut command = sinew(&world.path(""));
        command.args(["up", "--home", "home-new"]).args(rest.split(' '));
        Answer::of(command.output().expect("the program starts"))
    };
    assert!(up("--listen 127.0.0.1:0").bad(1).contains("in use"));
    std::fs::create_dir(world.path("theirs")).expect("a folder");
    std::fs::write(world.path("theirs/thesis.txt"), "").expect("a file");
    assert!(up("--listen 127.0.0.1:0 --data theirs").bad(1).contains("belongs to something else"));
    let port = world.url().strip_prefix("http://").expect("an address");
    assert!(up(&format!("--listen {port} --data fresh")).bad(1).contains("in use"));
    assert!(!world.path("fresh").exists());
    assert!(!world.path("home-new/profiles/owner").exists(), "no profile of a server that never was");
}

#[test]
fn a_backup_restores_to_a_journal_that_verifies() {
    let world = World::new();
    world.lab("lyra");
    let contract = world.contract("lyra");
    world.run("lyra", "run -f -- /bin/true").good();
    world.run("aurora", "invoice close lyra").good();
    world.run("aurora", "backup copy").good();
    world.run("aurora", "restore copy --data again").good();
    world.run("aurora", "restore copy --data again").bad(1);
    let verified = world.run("nobody", &format!("verify --data again {contract}/1")).good();
    assert!(verified.trim_end().ends_with("equal"), "{verified}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = sinew(folder.path());
    command.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.is_empty());
}

#[test]
fn a_contract_holds_in_the_windows_that_were_agreed() {
    let world = World::new();
    world.lab("lyra");
    let terms = "contract draft lyra --pool north --notice 5s --price '1 USD/chip-hour' --guarantee '1 chip' --until 7d";
    world.run("aurora", "pool add north --cores 2").good();
    let path = world.path("night.toml");
    let draft = world.run("aurora", &format!("{terms} --window 'daily 20:00-06:00 Europe/Zurich'")).good();
    std::fs::write(&path, draft).expect("a file");
    let signed = world.run("aurora", "contract sign night.toml").good();
    assert!(signed.contains("daily 20:00-06:00 Europe/Zurich"), "{signed}");
    let wrong = world.run("aurora", &format!("{terms} --window 'daily 20:00-20:00 UTC'")).bad(2);
    assert!(wrong.contains("sat,sun 00:00-24:00 UTC"), "{wrong}");
    let draft = world.run("aurora", &format!("{terms} --window 'daily 20:00-06:00 Mars/Olympus'")).good();
    std::fs::write(&path, draft).expect("a file");
    assert!(world.run("aurora", "contract sign night.toml").bad(3).contains("Europe/Zurich"));
}

#[test]
fn the_operator_says_where_an_organisation_stands() {
    let world = World::new();
    world.lab("university");
    world.lab("physics");
    let placed = world.run("aurora", "org place physics --under university --weight 2").good();
    assert!(placed.contains("university") && placed.contains('2'), "{placed}");
    assert_eq!(world.json("physics", "org show")["weight"], 2);
    assert!(
        world.run("aurora", "org place university --under physics").bad(3).contains("tree without circles")
    );
    world.run("aurora", "org place physics --weight 0").bad(3);
    world.run("physics", "org place physics").bad(3);
    assert_eq!(world.json("aurora", "org place physics")["under"], serde_json::Value::Null);
}

#[test]
fn the_operator_sets_what_an_organisation_may_store() {
    let world = World::new();
    world.lab("lyra");
    assert!(world.run("aurora", "org show lyra").good().contains("(default)"));
    let set = world.run("aurora", "org quota lyra '3 MiB'").good();
    assert!(set.contains("3 MiB") && !set.contains("(default)"), "{set}");
    assert_eq!(world.json("lyra", "org show")["quota_bytes"], 3 << 20);
    assert!(world.run("aurora", "org quota lyra").good().contains("3 MiB"));
    world.run("lyra", "org quota lyra default").bad(3);
    assert_eq!(world.run("aurora", "org quota lyra '3 parsec'").code, 2);
    assert!(world.run("aurora", "org quota lyra default").good().contains("(default)"));
}
