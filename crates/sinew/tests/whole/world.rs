//! An owner with a pool and labs with contracts, around a server in this process or a binary that can be killed.

use crate::api::Api;
use serde_json::{Value, json};
use sinew_contract::SecretKey;
use sinew_server::{Server, Settings};
use sinew_types::{ContractId, Hash};
use std::ffi::OsString;
use std::io::{Read, Seek};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test gives up. A bound, no expectation.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sinew"))
}

pub(crate) fn secret(name: &str) -> String {
    format!("sk-sinew-{}", sinew_store::hash_of(name.as_bytes()))
}

pub(crate) fn signing_key(name: &str) -> SecretKey {
    SecretKey::from_seed(sinew_store::hash_of(name.as_bytes()).bytes())
}

/// A server in this process, with its folder.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    server: Option<Server>,
    settings: Settings,
    pub(crate) owner: Api,
}

impl World {
    /// A fresh server whose operator is `owner`, with a pool of `cores`.
    pub(crate) fn new(cores: u32) -> Self {
        Self::with(cores, |_| {})
    }

    pub(crate) fn with(cores: u32, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings::new(folder.path().join("data"));
        settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.supervisor = (binary(), vec![OsString::from("supervise")]);
        settings.first_secret = Some(secret("owner"));
        settings.log_seed = Some([11; 32]);
        change(&mut settings);
        let server = Server::start(settings.clone()).expect("a fresh server starts");
        let owner = Api::new(&format!("http://{}", server.address()), &secret("owner"));
        let world = Self { folder, server: Some(server), settings, owner };
        assert_eq!(sign_up(&world.owner, "owner"), 200);
        world.owner.must("/api/pools", &json!({"name": "north", "cores": cores}));
        world
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.settings.data.clone()
    }

    /// Stops the server; what runs goes on.
    pub(crate) fn stop(&mut self) {
        self.server.take().expect("the server runs").stop();
    }

    /// Tells all that runs to leave, waits for it, then stops the server.
    pub(crate) fn drain(&mut self) {
        self.server.take().expect("the server runs").drain();
    }

    /// Starts it again on the same folder and port.
    pub(crate) fn start(&mut self, change: impl FnOnce(&mut Settings)) {
        self.settings.listen = self.owner.url.trim_start_matches("http://").parse().expect("an address");
        change(&mut self.settings);
        self.server = Some(Server::start(self.settings.clone()).expect("the server starts again"));
    }

    /// A lab with a key of its own.
    pub(crate) fn lab(&self, name: &str) -> Api {
        add_lab(&self.owner, name)
    }

    /// A contract that both have signed.
    pub(crate) fn contract(&self, lab: &Api, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let id = offer(&self.owner, lab, change).expect("the offer is accepted");
        sign(lab, name, &id);
        id
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.drain();
        }
    }
}

fn sign_up(api: &Api, name: &str) -> u16 {
    api.put("/api/me/public-key", &json!({"public_key": signing_key(name).public().to_string()})).status
}

/// Adds a lab; its secret and signing key follow from its name.
pub(crate) fn add_lab(owner: &Api, name: &str) -> Api {
    let key_sha256 = sinew_store::hash_of(secret(name).as_bytes()).to_string();
    owner.must("/api/organisations", &json!({"name": name, "key_sha256": key_sha256}));
    let lab = Api::new(&owner.url, &secret(name));
    assert_eq!(sign_up(&lab, name), 200);
    lab
}

fn own_id(api: &Api) -> Value {
    api.get("/api/me").body["organisation"]["id"].clone()
}

/// Offers a contract: one chip guaranteed, one borrowed, a recall bound of three seconds, unless `change` says else.
pub(crate) fn offer(
    owner: &Api,
    lab: &Api,
    change: impl FnOnce(&mut Value),
) -> Result<String, crate::api::Answer> {
    offer_signed_by(owner, lab, "owner", change)
}

pub(crate) fn offer_signed_by(
    owner: &Api,
    lab: &Api,
    signer: &str,
    change: impl FnOnce(&mut Value),
) -> Result<String, crate::api::Answer> {
    let mut terms = json!({
        "owner": own_id(owner), "lab": own_id(lab), "pool": owner.get("/api/pools/north").body["id"],
        "guarantee": ["1 chip"], "borrow_limit": "1 chip", "lend_limit": "1 chip",
        "notice": "1s", "kill_grace": "1s", "hand_over": "1s",
        "starts": "2020-01-01T00:00:00.000Z", "ends": "2099-01-01T00:00:00.000Z",
        "guaranteed_price": "3.60 USD/chip-hour", "borrowed_price": "1.80 USD/chip-hour", "rounding": "half-even",
    });
    change(&mut terms);
    let id = ContractId::from_bits(u128::from_be_bytes(*nonce().first_chunk().expect("16 of 32 bytes")));
    let wire: Option<sinew_api::TermsWire> = serde_json::from_value(terms.clone()).ok();
    let bytes =
        wire.and_then(|wire| wire.to_terms().ok()).map(|terms| terms.signing_bytes(id)).unwrap_or_default();
    let signature = signing_key(signer).sign(&bytes).to_string();
    let answer =
        owner.post("/api/contracts", &json!({"id": id.to_string(), "terms": terms, "signature": signature}));
    if answer.status == 200 { Ok(id.to_string()) } else { Err(answer) }
}

/// Bytes that no other call of this test run gives.
fn nonce() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("chance");
    *Hash::from_bytes(bytes).bytes()
}

/// Signs an offered contract as its lab.
pub(crate) fn sign(lab: &Api, name: &str, id: &str) {
    let view: sinew_api::ContractView = serde_json::from_value(lab.get(&format!("/api/contracts/{id}")).body)
        .expect("the lab sees the offer");
    let terms = view.terms.to_terms().expect("terms read back");
    let bytes = terms.signing_bytes(id.parse().expect("an id"));
    lab.must(
        &format!("/api/contracts/{id}/signature"),
        &json!({"signature": signing_key(name).sign(&bytes).to_string()}),
    );
}

/// A workload that runs a shell script on one chip.
pub(crate) fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "least": "1 chip", "argv": ["sh", "-c", script]})
}

/// Waits until `found` gives something; says what was awaited when it never does.
pub(crate) fn until<T>(awaited: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < give_up, "never saw: {awaited}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a workload is in one of these states.
pub(crate) fn until_state(api: &Api, name: &str, states: &[&str]) -> Value {
    until(&format!("{name} in {states:?}"), || {
        let view = api.get(&format!("/api/workloads/{name}")).body;
        states.iter().any(|state| view["state"] == **state).then_some(view)
    })
}

pub(crate) fn log_of(api: &Api, name: &str) -> String {
    match api.get(&format!("/api/workloads/{name}/logs")).body {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The work folder of an organisation's workload, as the server sees it.
pub(crate) fn work_folder(data: &Path, api: &Api, name: &str) -> PathBuf {
    let bits = |id: &Value| id.as_str().and_then(|id| id.rsplit('-').next()).expect("an id").to_owned();
    let workload = api.get(&format!("/api/workloads/{name}")).body["id"].clone();
    data.join("orgs").join(bits(&own_id(api))).join("workloads").join(bits(&workload)).join("work")
}

/// The binary as a process of its own, which can be killed.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
}

/// A port that was free a moment ago and that the kernel gives to nobody by itself. A client that keeps connecting to a
/// server that is down may be given the server's own port as its source: it then talks to itself (RFC 9293, section
/// 3.5, simultaneous open), and the server finds its port in use.
pub(crate) fn free_port() -> u16 {
    let range =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("the kernel's range");
    let first: u16 = range.split_whitespace().next().and_then(|port| port.parse().ok()).expect("a port");
    let mut chance = [0_u8; 2];
    until("a free port", || {
        getrandom::fill(&mut chance).expect("chance");
        let port = 1024 + u16::from_le_bytes(chance) % first.saturating_sub(1024).max(1);
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    })
}

impl Program {
    /// `sinew up` on a folder; its keys lie in `home`.
    pub(crate) fn up(data: &Path, home: &Path, port: u16) -> Self {
        Self::up_with(data, home, port, |_| {})
    }

    /// The same, with more to say on the command line or another place for its remarks.
    pub(crate) fn up_with(data: &Path, home: &Path, port: u16, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(binary());
        command.arg("up").arg("--data").arg(data).arg("--home").arg(home).args(["--owner", "owner"]);
        let mut said = tempfile::tempfile().expect("a file for its remarks");
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone().expect("a second handle"));
        change(&mut command);
        let child = command.spawn().expect("the binary starts");
        let mut program = Self { child, url: format!("http://127.0.0.1:{port}") };
        let api = Api::new(&program.url, "none");
        until("a server that answers", || {
            if let Some(status) = program.child.try_wait().expect("a child can be asked") {
                let mut text = String::new();
                said.rewind().and_then(|()| said.read_to_string(&mut text)).expect("its remarks read");
                panic!("the server ended with {status}: {text}");
            }
            api.try_get("/api/health").ok()
        });
        program
    }

    /// SIGKILL, and nothing else.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The owner's key, as `sinew up` kept it in its first profile.
pub(crate) fn owner_of(program: &Program, home: &Path) -> Api {
    let path = home.join("profiles/owner/profile.toml");
    let key = until("the owner's profile", || {
        let text = std::fs::read_to_string(&path).ok()?;
        text.lines().find_map(|line| line.strip_prefix("key = \"")?.strip_suffix('"').map(str::to_owned))
    });
    Api::new(&program.url, &key)
}

/// The key that the owner of a `sinew up` signs with.
pub(crate) fn owner_signing_key(home: &Path) -> SecretKey {
    let text = std::fs::read_to_string(home.join("profiles/owner/signing.key")).expect("the signing key");
    let seed: Hash = text.trim().parse().expect("a seed");
    SecretKey::from_seed(seed.bytes())
}
