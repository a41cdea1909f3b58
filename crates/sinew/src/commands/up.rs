//! `sinew up`: the server, and on its first start the owner's profile.

use crate::client::Client;
use crate::commands::invoice::LOG_KEY;
use crate::context::Context;
use crate::draw;
use crate::error::{At, CliError};
use crate::print;
use crate::profile::{Home, Profile};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use sinew_server::{Sandboxed, Server, Settings};
use sinew_store::{DataFolder, StoreError};
use sinew_types::Name;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const AFTER_HELP: &str = "\
Examples:
  sinew up                                       on 127.0.0.1:7390, data in ./sinew-data
  sinew up --data /srv/sinew --owner aurora      the first start makes the organisation aurora
  sinew up --listen 127.0.0.1:0                  on any free port; the first line says which

The first start keeps the owner's API key and signing key in a profile of your own folder (--home), never in
the data folder. Workloads go on when the server stops, and are found again when it starts.";

/// What `sinew up` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct UpArgs {
    /// Where to answer; port 0 takes a free one [env: SINEW_LISTEN] [default: 127.0.0.1:7390]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The organisation that a first start makes [env: SINEW_OWNER] [default: owner]
    #[arg(long, value_name = "NAME")]
    owner: Option<Name>,
    /// How many bytes each organisation may store
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,
    /// How many bytes of output are kept of each lease
    #[arg(long, value_name = "BYTES")]
    log_limit: Option<u64>,
    /// How large the journal may grow
    #[arg(long, value_name = "BYTES")]
    journal_limit: Option<u64>,
    /// Whose programs run in a sandbox. With `others`, your own run as this server's user and may do all that it may
    #[arg(long, value_enum, default_value_t = Sandbox::All)]
    sandbox: Sandbox,
}

/// Whose programs run in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sandbox {
    /// Everybody's
    All,
    /// Everybody's but those of the organisation that operates this Sinew
    Others,
}

/// A server that answers, and how its owner reaches it.
pub(crate) struct Started {
    /// The server.
    pub(crate) server: Server,
    /// Its address, as clients use it.
    pub(crate) url: String,
    /// The owner's profile, by name, and what is in it; none where this user has none.
    pub(crate) profile: Option<(String, Profile)>,
}

/// Starts, says where, and waits for Ctrl-C.
pub(crate) fn run(context: &Context, args: UpArgs) -> Result<()> {
    let given = &context.settings;
    let mut settings = Settings::new(given.data.value.clone());
    settings.listen = given.listen.clone().or_flag("--listen", args.listen).value;
    settings.owner = given.owner.clone().or_flag("--owner", args.owner).value;
    settings.quota_bytes = args.quota.unwrap_or(settings.quota_bytes);
    settings.log_bytes = args.log_limit.unwrap_or(settings.log_bytes);
    settings.journal_max_bytes = args.journal_limit;
    settings.sandbox = match args.sandbox {
        Sandbox::All => Sandboxed::All,
        Sandbox::Others => Sandboxed::Others,
    };
    let started = start(context, settings)?;
    let told = tell(context, &started);
    if told.is_err() {
        started.server.stop();
        return told;
    }
    started.server.wait();
    Ok(())
}

/// Starts a server. On its first start the owner's key is on disk before the server knows it, so that a kill at
/// any moment locks nobody out.
pub(crate) fn start(context: &Context, mut settings: Settings) -> Result<Started> {
    let home = context.home();
    let name = match &context.settings.profile {
        Some(named) => named.value.clone(),
        None => settings.owner.to_string(),
    };
    let instance = match DataFolder::inspect(&settings.data) {
        Ok(identity) => Some(identity.instance.to_string()),
        Err(StoreError::NoSinew { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let known = if home.names()?.contains(&name) { Some(home.load(&name)?) } else { None };
    let fresh = instance.is_none();
    let key = match &known {
        // A first start that was cut off left a profile that knows no instance yet.
        Some(profile) if profile.instance.is_none() || profile.instance == instance => {
            Some(profile.key.clone())
        }
        Some(profile) if fresh => {
            let why = format!(
                "the profile `{name}` belongs to another Sinew ({}): name another with --profile, or choose another --owner",
                profile.server
            );
            return Err(CliError::Usage(why).into());
        }
        Some(_) => None,
        None if fresh => Some(draw::api_key()?.0),
        None => None,
    };
    let pending = known.is_none() && key.is_some();
    if let (true, Some(key)) = (pending, &key) {
        let server = url(settings.listen);
        let organisation = settings.owner.to_string();
        home.save(&name, &Profile { server, organisation, key: key.clone(), instance: None })?;
    }
    let drawn = pending && !home.has_seed(&name, LOG_KEY)?;
    if key.is_some() {
        settings.log_seed = Some(home.ensure_seed(&name, LOG_KEY)?);
    }
    settings.first_secret = key;
    match Server::start(settings) {
        Ok(server) => welcome(context, &home, &name, server),
        Err(error) => {
            if pending {
                // Nothing began, so nothing may stay: the profile would be in the way of others.
                if drawn {
                    home.remove_seed(&name, LOG_KEY)?;
                }
                home.remove(&name)?;
            }
            Err(error.into())
        }
    }
}

/// Brings the profiles of this Sinew up to date, and makes the owner's signing key where there is none.
fn welcome(context: &Context, home: &Home, name: &str, server: Server) -> Result<Started> {
    let url = url(server.address());
    let instance = health(&Client::new(&url, None, context.language())?)?;
    if let Some(first) = server.first_key() {
        let (organisation, key) = (first.organisation.clone(), first.secret.clone());
        let profile = Profile { server: url.clone(), organisation, key, instance: Some(instance.clone()) };
        home.save(name, &profile)?;
    }
    let mut own = None;
    for known in home.names()? {
        // A profile of somebody else that cannot be read must not keep this server from starting.
        let Ok(mut profile) = home.load(&known) else { continue };
        let unfinished = known == name && profile.instance.is_none();
        if profile.instance.as_ref() != Some(&instance) && !unfinished {
            continue;
        }
        if profile.server != url || unfinished {
            profile.server.clone_from(&url);
            profile.instance = Some(instance.clone());
            home.save(&known, &profile)?;
        }
        if known == name {
            own = Some((known, profile));
        }
    }
    if let Some((known, profile)) = &own {
        let client = Client::new(&url, Some(&profile.key), context.language())?;
        super::org::ensure_public_key(home, known, &client).context("the owner cannot sign yet")?;
    }
    Ok(Started { server, url, profile: own })
}

/// Which Sinew answers there.
pub(crate) fn health(client: &Client) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Health {
        instance: String,
    }
    client.get::<Health>("/api/health").map(|health| health.instance)
}

/// The address that clients on this machine use.
fn url(listen: SocketAddr) -> String {
    let host = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    format!("http://{}", SocketAddr::new(host, listen.port()))
}

/// Says where everything is. The key itself goes to a terminal only: other output is often kept.
fn tell(context: &Context, started: &Started) -> Result<()> {
    let (url, words) = (&started.url, context.words);
    super::machine::tell_gaps(context, &started.server.machine(words.0));
    let data = context.settings.data.value.clone();
    let data = data.canonicalize().at("find", &data)?;
    let profile = started.profile.as_ref();
    let path = profile.map(|(name, _)| context.home().file(name)).transpose()?;
    if context.json {
        let path = path.map(|path| path.display().to_string());
        print::line(serde_json::json!({ "url": url, "data": data, "profile": path }))?;
        return Ok(());
    }
    let version = env!("CARGO_PKG_VERSION");
    print::line(format_args!("sinew {version}  {url}  data {}", data.display()))?;
    let key = match profile {
        Some((_, profile)) if io::stdout().is_terminal() => format!("#key={}", profile.key),
        _ => String::new(),
    };
    print::line(format_args!("  console  {url}/console{key}\n  chat     {url}/chat{key}"))?;
    if let (Some(path), true) = (path, key.is_empty()) {
        print::line(format_args!("  {}", words.key_in_profile(&path.display().to_string())))?;
    }
    print::line(format_args!("  {}", words.ctrl_c()))?;
    Ok(())
}
