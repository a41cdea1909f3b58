//! Published models: pulled, listed, let into an organisation, served.

use crate::support::World;
use sinew_engine::gguf_from_llama2c;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

/// The stories that llama2.c tells, as a GGUF file.
pub(crate) fn stories(to: &Path) -> Option<Vec<u8>> {
    let shared = sinew_testkit::shared("data/stories260k")?;
    let read = |name: &str| fs::read(shared.join(name)).expect("a file");
    let bytes = gguf_from_llama2c(&read("stories260K.bin"), &read("tok512.bin")).expect("a model");
    fs::write(to, &bytes).expect("the folder is ours");
    Some(bytes)
}

#[test]
fn a_pulled_model_is_admitted_once_and_served() {
    let world = World::new();
    let Some(_) = stories(&world.path("Stories 260K.gguf")) else { return };
    world.lab("lyra");
    world.contract("lyra");
    let pull = "model pull 'Stories 260K.gguf'";
    let pulled = world.run("lyra", pull).good();
    assert_eq!(
        pulled,
        "stories-260k  5 layers of width 64, 512 tokens, contexts of 512, goes on with texts, has no chat template\n"
    );
    assert_eq!(world.run("lyra", pull).good(), pulled, "it is here already");
    let listed = world.json("lyra", "model ls");
    assert_eq!((&listed[0]["name"], listed.as_array().map(Vec::len)), (&"stories-260k".into(), Some(1)));
    let released = world.run("lyra", "model admit stories-260k").good();
    assert_eq!(released, "stories-260k@1  sinew serve stories-260k@1\n");
    assert_eq!(
        world.run("lyra", "model admit stories-260k").good(),
        released,
        "the same files are one release"
    );
    let served = world.run("lyra", "serve stories-260k@1").good();
    assert!(served.contains("serve-stories-260k-1"), "{served}");
    world.run("lyra", "model rm stories-260k").good();
    assert_eq!(world.json("lyra", "model ls"), serde_json::json!([]));
    assert_eq!(world.json("lyra", "release ls")[0]["reference"], "stories-260k@1");
}

#[test]
fn what_is_no_model_is_refused_and_does_not_stay() {
    let world = World::new();
    fs::write(world.path("noise.gguf"), vec![7_u8; 4096]).expect("the folder is ours");
    let said = world.run("lyra", "model pull noise.gguf").bad(1);
    assert!(said.contains("what came from noise.gguf is no model that can be served"), "{said}");
    assert_eq!(world.run("lyra", "model ls").good(), "MODEL  SIZE  WHAT  SOURCE\n");
    let said = world.run("lyra", "model admit noise.gguf").bad(1);
    assert!(said.contains("noise.gguf"), "{said}");
    let said = world.run("lyra", "model admit nothing").bad(2);
    assert!(said.contains("`sinew model ls` lists what was pulled"), "{said}");
    let said = world.run("lyra", "model rm nothing").bad(2);
    assert!(said.contains("there is no model `nothing` here"), "{said}");
    let Some(_) = stories(&world.path("a.gguf")) else { return };
    let wrong = "0".repeat(64);
    let said = world.run("lyra", &format!("model pull a.gguf --sha256 {wrong}")).bad(1);
    assert!(said.contains("a.gguf has the SHA-256") || said.contains("model.gguf has the SHA-256"), "{said}");
    world.run("lyra", "model pull a.gguf --name one").good();
    fs::copy(world.path("a.gguf"), world.path("b.gguf")).expect("the folder is ours");
    let said = world.run("lyra", "model pull b.gguf --name one").bad(2);
    assert!(said.contains("there is a model `one` from a.gguf"), "{said}");
}

#[test]
fn a_repository_of_a_hub_is_pulled_at_one_commit() {
    let world = World::new();
    let Some(bytes) = stories(&world.path("a.gguf")) else { return };
    let sha256 = sinew_store::hash_of(&bytes).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let hub = format!("http://{}", listener.local_addr().expect("an address"));
    let list = serde_json::json!({"sha": "c0ffee", "siblings": [
        {"rfilename": "README.md", "size": 3},
        {"rfilename": "Stories.gguf", "size": bytes.len(), "lfs": {"sha256": sha256}},
    ]});
    let mirror = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for body in [list.to_string().into_bytes(), bytes] {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = [0; 2048];
            let read = stream.read(&mut head).expect("a question");
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            asked.push(head.lines().next().unwrap_or_default().to_owned());
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
                .and_then(|()| stream.write_all(&body))
                .expect("the client listens");
        }
        asked
    });
    let pulled = world.run_with("lyra", &[("HF_ENDPOINT", &hub)], "model pull hf:org/stories").good();
    assert!(pulled.starts_with("stories  5 layers"), "{pulled}");
    let asked = mirror.join().expect("the mirror ended");
    assert_eq!(
        asked,
        [
            "GET /api/models/org/stories/revision/main?blobs=true HTTP/1.1",
            "GET /org/stories/resolve/c0ffee/Stories.gguf HTTP/1.1"
        ]
    );
}
