use super::*;
use tokio::runtime::Builder;
use tokio_stream::wrappers::ReceiverStream;

/// How long the test waits for a reader that never gives up. A bound, no expectation.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reader makes of a sender that says these pieces and then nothing, with the connection still open.
fn read_of(said: &[&'static str], idle_max: Duration) -> (String, Result<usize, io::ErrorKind>) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (sender, pieces) = mpsc::channel::<Result<Bytes, io::Error>>(PIECES_MAX);
    said.iter().for_each(|piece| sender.try_send(Ok(Bytes::from_static(piece.as_bytes()))).expect("room"));
    let mut reader = runtime
        .block_on(async { BodyReader::within(Body::from_stream(ReceiverStream::new(pieces)), idle_max) });
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let end = reader.read_to_end(&mut bytes).map_err(|error| error.kind());
        done.send((String::from_utf8(bytes).expect("text"), end))
    });
    let answer = ended.recv_timeout(PATIENCE).expect("the reader gives up");
    drop(sender);
    answer
}

#[test]
fn a_sender_that_falls_silent_is_given_up() {
    let (read, end) = read_of(&["half of ", "a body"], Duration::from_millis(5));
    assert_eq!((read.as_str(), end), ("half of a body", Err(io::ErrorKind::TimedOut)));
}

#[test]
fn a_body_that_ends_is_whole() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut reader = runtime.block_on(async { BodyReader::of(Body::from("all of it")) });
    let mut text = String::new();
    assert_eq!(reader.read_to_string(&mut text).map_err(|error| error.kind()), Ok(9));
    assert_eq!(text, "all of it");
}
