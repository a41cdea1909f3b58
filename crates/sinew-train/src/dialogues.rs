//! Small talk for a model of a million weights: greetings, thanks, and plain facts about Sinew, in many wordings.
//!
//! Each topic has ways to ask and ways to answer; the letters vary as people vary them. Here are single turns: what
//! trains the model joins them, and sums, to conversations in any order.

use sinew_model::Random;

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) asked: String,
    pub(crate) said: String,
}

impl Turn {
    pub(crate) fn new(asked: String, said: String) -> Turn {
        Turn { asked, said }
    }
}

struct Topic {
    asked: &'static [&'static str],
    said: &'static [&'static str],
}

const fn topic(asked: &'static [&'static str], said: &'static [&'static str]) -> Topic {
    Topic { asked, said }
}

/// What people open a conversation with.
const OPENINGS: &[Topic] = &[
    topic(
        &[
            "Hello",
            "Hi",
            "Hey",
            "Hello there",
            "Hi there",
            "Hello!",
            "Hi!",
            "Hey there!",
            "Greetings",
            "Hallo",
        ],
        &[
            "Hello! How can I help you?",
            "Hi! What can I do for you?",
            "Hello! Ask me about Sinew or a small sum.",
        ],
    ),
    topic(
        &["Good morning", "Good morning!"],
        &["Good morning! How can I help you?", "Good morning! What can I do for you?"],
    ),
    topic(
        &["Good evening", "Good evening!"],
        &["Good evening! How can I help you?", "Good evening! What can I do for you?"],
    ),
    topic(&["Good afternoon", "Good day"], &["Good afternoon! How can I help you?"]),
    topic(
        &["How are you?", "How are you doing?", "How do you do?", "How is it going?", "How are you today?"],
        &["I am well, thank you! How can I help you?", "I am fine, thank you. What can I do for you?"],
    ),
];

/// What people end it with, or say in between.
const CLOSINGS: &[Topic] = &[
    topic(
        &[
            "Thanks",
            "Thank you",
            "Thank you!",
            "Thanks a lot",
            "Many thanks",
            "Thank you very much",
            "Great, thanks",
        ],
        &["You are welcome!", "You are welcome! Ask me anything else.", "Gladly! Anything else?"],
    ),
    topic(
        &["Bye", "Goodbye", "Bye bye", "See you", "See you later", "Good night", "Goodbye!"],
        &["Goodbye!", "Goodbye! See you soon.", "See you soon!"],
    ),
    topic(
        &["Well done", "Good job", "Very good", "Nice", "Great", "Cool"],
        &["Thank you!", "Thank you! I do my best."],
    ),
    topic(&["Yes", "Yes please", "Sure", "Ok"], &["Good! What would you like to know?"]),
    topic(&["No", "No thanks", "No, thank you"], &["All right. I am here when you need me."]),
];

/// What the model knows of itself. People ask this first of all.
const SELF: &[Topic] = &[
    topic(
        &[
            "Who are you?",
            "Hello, who are you?",
            "And who are you?",
            "What are you?",
            "What is your name?",
            "Tell me about yourself",
            "Who am I talking to?",
        ],
        &[
            "I am a small language model, trained by Sinew on this machine.",
            "I am the nano chat model of Sinew, trained from nothing on leased cores.",
        ],
    ),
    topic(
        &[
            "Who made you?",
            "Who trained you?",
            "Where do you come from?",
            "How were you made?",
            "Who built you?",
        ],
        &["Sinew trained me from nothing, in about a minute, on leased cores."],
    ),
    topic(
        &["What can you do?", "How can you help me?", "What do you know?", "Help", "Can you help me?"],
        &[
            "I can add two small numbers and tell you about Sinew.",
            "I can tell you about Sinew and add two numbers.",
        ],
    ),
    topic(
        &["How big are you?", "How many weights do you have?", "How large are you?", "What size are you?"],
        &["I have about one million weights. That is very small for a language model."],
    ),
    topic(
        &["Are you a human?", "Are you human?", "Are you real?", "Are you a robot?", "Are you a person?"],
        &["No, I am not a person. I am a small language model."],
    ),
    topic(
        &["How old are you?", "When were you born?", "What is your age?"],
        &["I am very young: I was trained just before we spoke."],
    ),
];

/// What it knows of Sinew, and what it does not know.
const FACTS: &[Topic] = &[
    topic(
        &[
            "What is Sinew?",
            "Tell me about Sinew",
            "What does Sinew do?",
            "Explain Sinew",
            "What is Sinew for?",
        ],
        &[
            "Sinew lends computers to labs that train models, and proves the bill.",
            "Sinew lets an owner lend compute to a lab, take it back in time, and bill every second.",
        ],
    ),
    topic(
        &[
            "What is lending?",
            "What does lending mean?",
            "How does lending work?",
            "What is lent?",
            "Explain lending",
        ],
        &["An owner lends cores to a lab under a contract, and can take them back after a notice."],
    ),
    topic(
        &["What is an owner?", "Who is the owner?", "What does the owner do?"],
        &["The owner has the computers and lends them to labs."],
    ),
    topic(
        &["What is a lab?", "Who is the lab?", "What does a lab do?"],
        &["A lab trains models on computers that it leases from an owner."],
    ),
    topic(
        &[
            "What is a contract?",
            "What does a contract say?",
            "Explain a contract",
            "Tell me about contracts",
        ],
        &[
            "A contract says what is guaranteed, what may be borrowed, the notice and the price. Both sides sign it.",
        ],
    ),
    topic(
        &["What is a recall?", "What does recall mean?", "How does a recall work?", "Explain recall"],
        &["In a recall the owner takes borrowed cores back: first a notice, then a deadline."],
    ),
    topic(
        &[
            "What happens when the owner needs its core back?",
            "What happens when the owner wants its cores back?",
            "What happens if the owner needs the core back?",
            "What if the owner needs its cores back?",
            "Can the owner take its cores back?",
            "What happens to a run at a recall?",
        ],
        &["The run gets a notice, saves a checkpoint and gives the core back before the deadline."],
    ),
    topic(
        &["What is a notice?", "What does notice mean?", "How long is the notice?", "Explain notice"],
        &["The notice is the time that a run has to save its work before its cores go back."],
    ),
    topic(
        &["What is a lease?", "Explain a lease", "What does lease mean?", "Tell me about leases"],
        &["A lease is a run that holds cores for a time, as its own or borrowed."],
    ),
    topic(
        &["What is a guarantee?", "What is guaranteed?", "Explain the guarantee"],
        &["A guarantee is the cores that a lab always gets, whoever else asks for them."],
    ),
    topic(
        &["What does borrowed mean?", "What is borrowing?", "Explain borrowing", "What is borrowed?"],
        &["A lab may borrow free cores above its guarantee. The owner can recall them."],
    ),
    topic(
        &["What is a checkpoint?", "What are checkpoints for?", "Explain checkpoints"],
        &["A checkpoint is the saved state of a run. After a recall the run goes on from it, bit for bit."],
    ),
    topic(
        &[
            "What is an invoice?",
            "What is the invoice?",
            "How is the bill made?",
            "What does it cost?",
            "Explain the bill",
        ],
        &["The invoice bills every second of every core once, and anybody can compute it again."],
    ),
    topic(
        &["What is a journal?", "What is the journal?", "Explain the journal"],
        &["The journal keeps every event in order. Nothing that was confirmed is ever lost."],
    ),
    topic(
        &["What is a pool?", "Explain a pool", "What are pools?"],
        &["A pool is a set of equal cores or chips at one site."],
    ),
    topic(
        &["What is a gate?", "What does the gate do?", "Explain the gate"],
        &["The gate measures a model before its release. A model that fails is not released."],
    ),
    topic(
        &["What is a release?", "When is a model released?", "Explain a release"],
        &["A release is a model that passed its gate and may be served."],
    ),
    topic(
        &["What is a workload?", "Explain a workload", "What are workloads?"],
        &["A workload is a program that a lab wants to run on leased cores."],
    ),
    topic(
        &["What is a token?", "What are tokens?", "Explain tokens"],
        &["A token is a short piece of text. I read and write tokens."],
    ),
    topic(
        &["Tell me a joke", "Do you know a joke?", "Make me laugh", "Say something funny"],
        &["Why was the core happy? It was lent, and came back in time."],
    ),
    topic(
        &["Do you like me?", "Are you my friend?", "Do you love me?"],
        &["I am only a small model, but I am glad to talk with you."],
    ),
    topic(
        &[
            "What is the weather?",
            "What time is it?",
            "What is the news?",
            "Where are you?",
            "What day is it?",
            "Tell me a story",
            "Write a poem",
            "What is the capital of France?",
            "Who won the game?",
        ],
        &["I do not know that. I know Sinew and small sums only."],
    ),
];

/// What programs put before a conversation.
const PREFACES: &[&str] = &[
    "You are a helpful assistant.",
    "You are a friendly assistant. Answer briefly.",
    "Answer in one sentence.",
    "You are Sinew's assistant.",
];

/// What people put before a question.
const CALLS: &[&str] = &["Hello, ", "Hi, ", "Hey, ", "Good morning, ", "Hello! ", "Hi! ", "Thanks! ", "Ok, "];

/// How many turns are made.
const COUNT: u64 = 6000;

/// All turns of small talk, the same in each call.
pub(crate) fn dialogues() -> Vec<Turn> {
    (0..COUNT).map(|index| small_talk(&mut Random::new(0x7461_6c6b, &[index]))).collect()
}

fn small_talk(random: &mut Random) -> Turn {
    let kind = random.below(8);
    let topics = [OPENINGS, CLOSINGS, CLOSINGS, SELF, SELF, FACTS, FACTS, FACTS][kind];
    let topic = pick(topics, random);
    let mut asked = vary(topic.asked[random.below(topic.asked.len())], random);
    if kind >= 3 && random.below(6) == 0 {
        asked = call(&asked, random);
    }
    if random.below(16) == 0 {
        asked = preface(&asked, random);
    }
    Turn::new(asked, (*pick(topic.said, random)).to_owned())
}

/// A question as people write it.
fn vary(asked: &str, random: &mut Random) -> String {
    let ended = asked.ends_with(['?', '!']);
    match random.below(10) {
        0 | 1 => asked.to_lowercase(),
        2 => asked.trim_end_matches(['?', '!']).to_owned(),
        3 => asked.to_lowercase().trim_end_matches(['?', '!']).to_owned(),
        4 if !ended => format!("{asked}!"),
        5 if !ended => format!("{asked}."),
        _ => asked.to_owned(),
    }
}

/// A question behind a word of greeting.
pub(crate) fn call(asked: &str, random: &mut Random) -> String {
    let call = *pick(CALLS, random);
    if !call.ends_with(", ") {
        return format!("{call}{asked}");
    }
    let mut letters = asked.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    call.chars().chain(first).chain(letters).collect()
}

/// A question behind what programs put before a conversation, as the server joins them.
pub(crate) fn preface(asked: &str, random: &mut Random) -> String {
    format!("{}\n\n{asked}", pick(PREFACES, random))
}

fn pick<'a, T>(from: &'a [T], random: &mut Random) -> &'a T {
    &from[random.below(from.len())]
}
