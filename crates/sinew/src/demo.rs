//! `sinew demo`: the whole path as a story that a person can watch, from an offer to a chat.
//!
//! It is a client like any other: it starts a server in this process and then speaks to it over HTTP as an
//! owner and as a lab. Each step first looks whether it was done before, so a demo that was ended or killed
//! goes on from where it was.

mod beside;
mod bill;
mod control;
mod gate;
mod notes;
mod parties;
mod screen;
mod serve;
mod train;
mod work;

use crate::client::Client;
use crate::context::Context;
use crate::stop::{self, Stopped};
use anyhow::{Context as _, Result};
use clap::Args;
use notes::Notes;
use screen::Screen;
use sinew_server::{Server, Settings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the demo looks at what it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// More cores than this would only wait for each other on so small a model.
const CORES_MAX: usize = 8;

/// Flags of `sinew demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sinew demo                        watch it, then chat; Ctrl-C ends it and keeps everything
  sinew demo --text novel.txt.gz    learn from your own text: plain, .gz or a folder
  sinew demo --exit                 end after the control run, as CI does")]
pub(crate) struct DemoArgs {
    /// The text to learn from: a file (plain or .gz) or a folder
    #[arg(long, value_name = "PATH")]
    text: Option<PathBuf>,
    /// End after the control run instead of staying up for chats
    #[arg(long)]
    exit: bool,
    /// Where the pages and the API are
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7390")]
    listen: SocketAddr,
}

/// What every step of the story has at hand.
pub(crate) struct Story {
    data: PathBuf,
    text: Option<PathBuf>,
    owner: Client,
    lab: Client,
    cores: u32,
    notes: Notes,
    screen: Screen,
}

/// Tells the story.
pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<ExitCode> {
    stop::listen();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(CORES_MAX);
    anyhow::ensure!(
        cores >= 2,
        "the demo lends one core and keeps one, and this machine has one core; use `sinew up`"
    );
    if let Some(text) = &args.text {
        // Before anything is made: a text that cannot be read must leave nothing behind.
        sinew_engine::check_text(text)?;
    }
    let data = context.settings.data.value.clone();
    let home = parties::home(context, &data);
    let began = Instant::now();
    let (server, owner) = start_server(context, args, &home)?;
    let url = format!("http://{}", server.address());
    let told = parties::introduce(context, &url, &home, owner).and_then(|(owner, lab)| {
        let notes = Notes::open(&data)?;
        let screen = Screen::new(context.words.0);
        let cores = u32::try_from(cores).unwrap_or(2);
        let text = args.text.clone();
        let mut story = Story { data, text, owner, lab, cores, notes, screen };
        story.screen.title(&story.data, &url);
        crate::commands::machine::tell_gaps(context, &server.machine(context.words.0));
        story.tell((&home, &context.settings.models.value), &url, began)?;
        if args.exit { Ok(()) } else { stop::wait() }
    });
    server.drain();
    match told {
        Err(error) if error.is::<Stopped>() => {
            println!(
                "\n{}",
                Screen::new(context.words.0).pick("stopped; everything is kept", "arrêté ; tout est gardé")
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// Starts the server. The owner's key is drawn and kept before the server hears of it.
fn start_server(context: &Context, args: &DemoArgs, home: &crate::profile::Home) -> Result<(Server, String)> {
    let mut settings = Settings::new(context.settings.data.value.clone());
    settings.listen = args.listen;
    settings.owner = parties::OWNER.parse().expect("a fixed name is well formed");
    let secret = parties::owner_secret(home, &format!("http://{}", args.listen))?;
    settings.first_secret = Some(secret.clone());
    let server = Server::start(settings)?;
    Ok((server, secret))
}

impl Story {
    fn tell(&mut self, places: (&crate::profile::Home, &Path), url: &str, began: Instant) -> Result<()> {
        let (home, models) = places;
        self.notes.add("start", began.elapsed())?;
        self.step("lend", |story| story.lend(home))?;
        self.step("train", Story::train)?;
        self.step("gate", Story::gate)?;
        self.step("release", Story::release)?;
        self.step("bill", Story::bill)?;
        self.step("chat", |story| story.chat(url))?;
        self.notes.write_ready(url, &self.lab, &self.owner)?;
        self.step("control", Story::control)?;
        self.step("beside", |story| story.beside(models))
    }

    /// Does a step and notes how long it took, unless an earlier demo has.
    fn step(&mut self, name: &str, action: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let began = Instant::now();
        action(self).with_context(|| {
            format!("the demo could not finish its step `{name}`; start it again to go on")
        })?;
        self.notes.add(name, began.elapsed())
    }
}
