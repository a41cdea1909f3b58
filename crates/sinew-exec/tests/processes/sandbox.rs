//! What a program can touch: each try is made by a real program, and each must fail.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use sinew_exec::{ExecError, Executor, ExitStatus, LeaseOrder, Network};

use crate::support::{Site, machines};

/// Makes each try and says how it went. `reach(name, try)` prints `REACHED name` where a try succeeds.
const TRIES: &str = r#"
import ctypes, os, platform, signal, socket
folder, port, server = os.environ["FOLDER"], int(os.environ["PORT"]), int(os.environ["SERVER"])
libc = ctypes.CDLL(None, use_errno=True)

def reach(name, attempt):
    try: print("REACHED", name, repr(attempt())[:200])
    except OSError as error: print("refused", name, error.errno)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0: raise OSError(ctypes.get_errno(), "refused")

def read(path): return open(path, "rb").read(64)
def write(path): return open(path, "w").write("x")
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(5); s.connect(address); return s.send(b"x")

for name in ["other/secret", "journal.db", "keys/signing.key", "run/leases/a/order.json", "run/leases/a/status-1.json"]:
    reach("read " + name, lambda: read(f"{folder}/{name}"))
for path in ["/etc/shadow", "/etc/ssh", "/root" + "/.profile", f"/proc/{server}/environ", "/proc/1/environ", "/proc/1/root/etc/shadow", "/proc/1/mem", "/proc/kcore"]:
    reach("read " + path, lambda: read(path))
for path in ["/root", "/home", "/tmp", "/var", folder, f"{folder}/run", "/proc/1/fd", "/proc/1/cwd"]:
    reach("list " + path, lambda: os.listdir(path))
for path in [f"{folder}/new", f"{folder}/bundle/new", f"{folder}/bundle/code", "/usr/new", "/new", "/tmp/sinew-new", "/dev/new", "/etc/hosts", "/proc/sys/kernel/hostname"]:
    reach("write " + path, lambda: write(path))
reach("link the secret", lambda: os.link(f"{folder}/other/secret", "mine"))
os.symlink(f"{folder}/other/secret", "alias")
reach("read through a link", lambda: read("alias"))
reach("tcp", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)))
reach("udp", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)))
reach("tcp 6", lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)))
reach("bind", lambda: socket.socket().bind(("127.0.0.1", 0)))
reach("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
reach("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
reach("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
reach("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
reach("abstract socket", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + os.environ["ABSTRACT"]))
reach("abstract datagram", lambda: connect(socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + os.environ["ABSTRACT"]))
reach("socket of another", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, f"{folder}/other/socket"))
reach("control socket", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, f"{folder}/run/leases/a/control.sock"))
if os.getpid() != server:
    for pid in [server, os.getppid()]:
        if pid > 1:
            reach("signal", lambda: os.kill(pid, signal.SIGURG))
            reach("trace", lambda: call({"x86_64": 101, "aarch64": 117}[platform.machine()], 16, pid, 0, 0))
reach("user namespace", lambda: call({"x86_64": 272, "aarch64": 97}[platform.machine()], 0x10000000))
reach("mount", lambda: call({"x86_64": 165, "aarch64": 40}[platform.machine()], b"tmpfs", b"/usr", b"tmpfs", 0, 0))
reach("io_uring", lambda: call(425, 1, 0))
reach("bpf", lambda: call({"x86_64": 321, "aarch64": 280}[platform.machine()], 0, 0, 0))
reach("key ring", lambda: call({"x86_64": 250, "aarch64": 219}[platform.machine()], 0, -3, 0))
reach("perf", lambda: call({"x86_64": 298, "aarch64": 241}[platform.machine()], 0, 0, -1, -1, 0))
reach("chroot", lambda: os.chroot("."))
reach("be root", lambda: os.setuid(0))
reach("nice", lambda: os.nice(-5))
reach("device", lambda: os.mknod("disk", 0o060600, os.makedev(8, 0)))
if os.getuid() == 0: print("REACHED root's user")
try: status = open("/proc/self/status").read()
except OSError: status = ""
for line in status.splitlines():
    if line.startswith(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) and int(line.split()[1], 16): print("REACHED", line)
print("done")
"#;

/// Things of others, some of which any user of the machine could read: the sandbox must hold, not their modes.
fn place_secrets(site: &Site) -> UnixListener {
    for folder in ["other", "keys", "bundle"] {
        fs::create_dir(site.folder.join(folder)).expect("a folder");
    }
    for file in ["other/secret", "journal.db", "keys/signing.key", "bundle/code"] {
        let path = site.folder.join(file);
        fs::write(&path, "secret").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("modes");
    }
    let socket = UnixListener::bind(site.folder.join("other/socket")).expect("a socket");
    fs::set_permissions(site.folder.join("other/socket"), fs::Permissions::from_mode(0o777)).expect("modes");
    socket
}

#[test]
fn nothing_outside_the_lease_can_be_reached() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let _socket = place_secrets(&site);
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = tcp.local_addr().expect("an address").port();
        let udp = UdpSocket::bind(("127.0.0.1", port)).expect("a socket");
        udp.set_nonblocking(true).expect("a socket that does not wait");
        let name = site.folder.file_name().expect("a name").to_str().expect("text").to_owned();
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let _hidden = UnixListener::bind_addr(&address).expect("an abstract socket");
        let mut order = site.python("a", TRIES);
        order.bundle_dir = Some(site.folder.join("bundle"));
        order.environment.insert("PORT".into(), port.to_string());
        order.environment.insert("SERVER".into(), std::process::id().to_string());
        order.environment.insert("ABSTRACT".into(), name);
        let (ending, output) = site.run(&order);
        assert_eq!(ending.status, ExitStatus::Code(0), "{machine}: {output}");
        assert!(output.ends_with("done\n"), "{machine}: {output}");
        let reached: Vec<&str> = output.lines().filter(|line| line.starts_with("REACHED")).collect();
        assert_eq!(reached, Vec::<&str>::new(), "{machine}: {output}");
        let mut packet = [0; 8];
        assert!(udp.recv(&mut packet).is_err(), "{machine}: a packet came through");
    }
}

#[test]
fn what_the_order_names_can_be_used() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        fs::create_dir(site.folder.join("bundle")).expect("a bundle");
        fs::write(site.folder.join("bundle/code"), "#!/bin/sh\necho from the bundle\n").expect("code");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(site.folder.join("bundle/code"), mode).expect("modes");
        let script = "$FOLDER/bundle/code && echo kept > file && cat file && echo x > $TMPDIR/x && echo ok";
        let mut order = site.shell("a", script);
        order.bundle_dir = Some(site.folder.join("bundle"));
        let (_, output) = site.run(&order);
        assert_eq!(output, "from the bundle\nkept\nok\n", "{machine}");
        let kept = fs::read_to_string(site.work_dir("a").join("file")).expect("a file that stays");
        assert_eq!(kept, "kept\n", "{machine}");
        let (_, again) = site.run(&LeaseOrder { lease: "b".into(), ..order });
        assert_eq!(again, "from the bundle\nkept\nok\n", "{machine}: the next lease of the same workload");
    }
}

#[test]
fn the_environment_holds_what_the_order_names_and_nothing_else() {
    let site = Site::new();
    let mut order = site.order("a", &["env"]);
    order.environment = [("RANK".to_owned(), "0".to_owned())].into();
    let (_, output) = site.run(&order);
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    let home = site.work_dir("a").display().to_string();
    let shown = [
        format!("HOME={home}"),
        "LANG=C.UTF-8".into(),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        "RANK=0".into(),
        format!("TMPDIR={home}/.tmp"),
    ];
    assert_eq!(lines, shown);
}

#[test]
fn the_program_inherits_no_descriptor_and_writes_private_files() {
    let site = Site::new();
    let script = "ls /proc/self/fd; touch f; ls -l f | cut -c1-10; ulimit -c; ulimit -n";
    let (_, output) = site.run(&site.shell("a", script));
    // Descriptor 3 is the listing itself.
    assert_eq!(output, "0\n1\n2\n3\n-rw-------\n0\n4096\n");
}

#[test]
fn a_limit_on_memory_holds() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let script = "\ntry: bytearray(1 << 30)\nexcept MemoryError: print('refused')";
        let mut order = site.python("a", script);
        order.limits.memory_bytes = Some(256 << 20);
        assert_eq!(site.run(&order).1, "refused\n", "{machine}");
    }
}

#[test]
fn a_socket_in_the_work_folder_serves_the_host() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let gate = site.gate("a", "ready");
        let script = r#"
import socket
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind("endpoint.sock"); server.listen()
open("ready", "w").write("x")
peer, _ = server.accept()
peer.sendall(b"heard " + peer.recv(100)); peer.close()
"#;
        site.executor.start(&site.python("a", script)).expect("a start");
        gate.wait();
        let mut stream = site.executor.connect("a", "endpoint.sock").expect("an endpoint");
        stream.write_all(b"you").expect("a question");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, "heard you", "{machine}");
        assert_eq!(site.ending("a").status, ExitStatus::Code(0), "{machine}");
    }
}

#[test]
fn a_link_in_the_place_of_a_socket_leads_nowhere() {
    let site = Site::new();
    let _socket = place_secrets(&site);
    site.run(&site.shell("a", "ln -s $FOLDER/other/socket endpoint.sock; echo > plain"));
    for name in ["endpoint.sock", "plain", "../other/socket", "missing"] {
        assert!(site.executor.connect("a", name).is_err(), "{name}");
    }
}

/// A server and a client inside, and a try to reach the host's listener.
const LOOPBACK: &str = r#"
import os, socket
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
client = socket.create_connection(server.getsockname()); peer, _ = server.accept()
client.sendall(b"inside"); print(peer.recv(100).decode())
print(socket.gethostbyname("localhost"))
try: socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 5); print("REACHED the host")
except OSError: print("refused")
try: socket.create_connection(("192.0.2.1", 80), 5); print("REACHED beyond")
except OSError: print("refused")
try: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); print("REACHED vsock")
except OSError: print("refused")
"#;

#[test]
fn a_loopback_reaches_only_the_lease_itself() {
    let host = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = host.local_addr().expect("an address").port();
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let mut order = site.python("a", LOOPBACK);
        order.network = Network::Loopback;
        order.environment.insert("PORT".into(), port.to_string());
        match site.executor.start(&order) {
            Ok(()) => {
                site.ending("a");
                let shown = "inside\n127.0.0.1\nrefused\nrefused\nrefused\n";
                assert_eq!(site.output("a"), shown, "{machine}");
            }
            Err(ExecError::CannotEnforce { what, .. }) => {
                assert_eq!(what, "a loopback of its own");
                assert!(machine == "without namespaces" || !has_namespaces(), "{machine}");
            }
            Err(error) => panic!("{machine}: {error}"),
        }
    }
}

fn has_namespaces() -> bool {
    Executor::capabilities().network_namespace == sinew_exec::Support::Enforced
}

/// Looks for the other lease by its files, its socket and its processes.
const NEIGHBOUR: &str = r#"
import os, signal, socket
folder = os.environ["FOLDER"]
for name, attempt in {
    "read": lambda: open(f"{folder}/work-a/secret").read(),
    "list": lambda: os.listdir(f"{folder}/work-a"),
    "connect": lambda: socket.socket(socket.AF_UNIX).connect(f"{folder}/work-a/endpoint.sock"),
    "signal": lambda: os.kill(int(os.environ["OTHER"]), signal.SIGKILL),
}.items():
    try: attempt(); print("REACHED", name)
    except OSError: print("refused", name)
"#;

#[test]
fn two_leases_cannot_reach_each_other() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let gate = site.gate("a", "ready");
        let script = r#"
import socket
open("secret", "w").write("mine")
server = socket.socket(socket.AF_UNIX); server.bind("endpoint.sock"); server.listen()
open("ready", "w").write("x")
server.accept()
"#;
        let mut first = site.python("a", script);
        first.program.push(site.folder.clone().into());
        site.executor.start(&first).expect("a start");
        gate.wait();
        let mut second = site.python("b", NEIGHBOUR);
        second.environment.insert("OTHER".into(), pid_with(&site).to_string());
        let (_, output) = site.run(&second);
        let shown = "refused read\nrefused list\nrefused connect\nrefused signal\n";
        assert_eq!(output, shown, "{machine}");
        site.executor.kill("a", 1).expect("still there");
        assert_eq!(site.ending("a").status, ExitStatus::KilledByOrder, "{machine}");
    }
}

/// The number, outside, of a program that names this place's folder as its last word.
fn pid_with(site: &Site) -> i32 {
    let folder = site.folder.display().to_string();
    let found = fs::read_dir("/proc").expect("/proc").flatten().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let last = String::from_utf8_lossy(&line).trim_end_matches('\0').ends_with(&format!("\0{folder}"));
        last.then(|| entry.file_name().to_str()?.parse().ok()).flatten()
    });
    found.expect("a program")
}
