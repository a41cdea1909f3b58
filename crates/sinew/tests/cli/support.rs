//! The real program, as people start it: a server in a folder of its own, and commands with keys of their own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The program with nobody's settings in its environment.
pub(crate) fn sinew(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sinew"));
    command.current_dir(folder).env_clear().env("HOME", folder).env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// A folder with a server that runs in it.
pub(crate) struct World {
    folder: TempDir,
    server: Option<Child>,
    url: String,
}

/// What a command answered.
pub(crate) struct Answer {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("an exit code");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// What was printed, by a command that must go well.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// What was complained, by a command that must end with this code.
    #[track_caller]
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("sinew: ") || self.err.contains("\nsinew: "), "{}", self.err);
        self.err
    }
}

impl World {
    /// A first start of a server with the owner aurora, on a free port.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("sinew-cli-").tempdir().expect("a folder");
        let mut world = Self { folder, server: None, url: String::new() };
        world.start();
        world
    }

    /// Starts the server and waits for the line that says where it is.
    pub(crate) fn start(&mut self) {
        let arguments = ["up", "--json", "--owner", "aurora", "--listen", "127.0.0.1:0"];
        let mut up = sinew(self.folder.path());
        up.args(arguments).args(["--home", "home-aurora"]).stdout(Stdio::piped());
        let mut child = up.spawn().expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is ours");
        BufReader::new(out).read_line(&mut line).expect("a line");
        self.server = Some(child);
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the line is JSON");
        self.url = ready["url"].as_str().expect("an address").to_owned();
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.server.take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command with somebody's keys. Arguments stand between spaces, in quotes where they hold some.
    pub(crate) fn run(&self, who: &str, line: &str) -> Answer {
        self.run_with(who, &[], line)
    }

    /// The same with more in the environment.
    pub(crate) fn run_with(&self, who: &str, environment: &[(&str, &str)], line: &str) -> Answer {
        let mut command = sinew(self.folder.path());
        command.envs(environment.iter().copied());
        command.args(["--home", &format!("home-{who}")]).args(words(line));
        Answer::of(command.output().expect("the program starts"))
    }

    /// The same, read as JSON.
    #[track_caller]
    pub(crate) fn json(&self, who: &str, line: &str) -> serde_json::Value {
        // Before the command: what stands behind `--` belongs to the program that is run.
        let out = self.run(who, &format!("--json {line}")).good();
        serde_json::from_str(&out).expect("the answer is JSON")
    }

    /// Lets a lab in, which joins with its key. Answers the key.
    pub(crate) fn lab(&self, name: &str) -> String {
        let made = self.json("aurora", &format!("org add {name}"));
        let key = made["key"].as_str().expect("a key").to_owned();
        let join = format!("org join --server {} --key {key}", self.url);
        let said = self.run(name, &join).good();
        assert!(said.contains(name), "{said}");
        key
    }

    /// A pool of two cores and a contract over one of them, signed by both. Answers its id.
    pub(crate) fn contract(&self, lab: &str) -> String {
        self.run("aurora", "pool add north --cores 2").good();
        let terms = "--guarantee '1 chip' --borrow '1 chip' --notice 2s --price '1.90 USD/chip-hour' \
                     --borrowed '0.80 USD/chip-hour' --until 30d";
        let draft = self.run("aurora", &format!("contract draft {lab} --pool north {terms}")).good();
        std::fs::write(self.path("offer.toml"), draft).expect("the folder is ours");
        let offered = self.json("aurora", "contract sign offer.toml");
        let id = offered["id"].as_str().expect("an id").to_owned();
        let signed = self.json(lab, &format!("contract sign {id}"));
        assert_eq!(signed["standing"], "signed");
        id
    }
}

impl Drop for World {
    /// Ends the server and what it started: workloads outlive their server, and nobody comes back for these.
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
        let folder = self.folder.path().to_string_lossy().into_owned();
        let started = |id: &u32| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&folder)
        };
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(started);
        for id in ids {
            // One that has gone meanwhile is as good.
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, piece) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}
