//! `sinew org`: organisations, their keys, and joining one.

use crate::client::{Client, encoded};
use crate::commands::up::health;
use crate::context::Context;
use crate::draw;
use crate::error::CliError;
use crate::print;
use crate::profile::{Home, Profile};
use crate::size::{self, ByteSize};
use anyhow::Result;
use clap::Subcommand;
use sinew_api::{
    CreatedKey, CreatedOrganisation, KeyRequest, KeyView, MeView, OrganisationDetailView,
    OrganisationRequest, OrganisationView, PlaceRequest, PublicKeyRequest, QuotaRequest,
};
use std::io::{self, BufRead};

const ADD_HELP: &str = "\
Example:
  sinew org add lyra            prints lyra's first key, once, and the command that lyra joins with";

const QUOTA_HELP: &str = "\
Examples:
  sinew org quota lyra                  how much lyra stores, and how much it may
  sinew org quota lyra \"20 GiB\"         artefacts, logs and checkpoints together; also the size of one file of a run
  sinew org quota lyra default

Less than it stores already removes nothing: it only stops further bytes.";

const PLACE_HELP: &str = "\
Examples:
  sinew org place physics --under university --weight 2     physics gets twice what its sisters get
  sinew org place physics                                   back to the root, with weight 1

What nobody uses is lent first to the branch that has had least of it for its weight, then inside that branch in the
same way. Use counts half after a day. Guarantees have nothing to do with it.";

const JOIN_HELP: &str = "\
Examples:
  sinew org join --server http://127.0.0.1:7390 --key sk-sinew-…
  sinew org join --server http://127.0.0.1:7390 --key - < key.txt     keeps the key out of the shell's history
  sinew org join --server … --key … --profile lyra-at-aurora

Keeps the key in a profile, draws a signing key that never leaves this folder, and tells the server its public
half.";

/// What can be done with organisations.
#[derive(Debug, Subcommand)]
pub(crate) enum OrgCommand {
    /// Let an organisation in (the operator does that)
    #[command(after_help = ADD_HELP)]
    Add {
        /// Its name, one of a kind
        name: String,
    },
    /// Keep a key that somebody gave you, and make a signing key
    #[command(after_help = JOIN_HELP)]
    Join {
        /// The API key, or `-` to read it from the standard input
        #[arg(long)]
        key: String,
    },
    /// The organisations that you know
    Ls,
    /// One organisation, and how much it stores
    Show {
        /// Its name or id [default: your own]
        name: Option<String>,
    },
    /// How much an organisation may store (the operator sets that)
    #[command(after_help = QUOTA_HELP)]
    Quota {
        /// Its name or id
        name: String,
        /// A size such as `20 GiB`, or `default` for what every organisation may; without it, the quota is shown
        size: Option<ByteSize>,
    },
    /// Where an organisation stands when idle capacity is shared (the operator sets that)
    #[command(after_help = PLACE_HELP)]
    Place {
        /// Its name or id
        name: String,
        /// The organisation that it belongs to [default: none]
        #[arg(long)]
        under: Option<String>,
        /// What it weighs among its sisters
        #[arg(long, default_value_t = 1)]
        weight: u32,
    },
    /// The API keys of your organisation
    #[command(subcommand)]
    Key(KeyCommand),
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make one more key; it is shown this once
    #[command(after_help = "Example:\n  sinew org key add ci --role view --role operate")]
    Add {
        /// What people call it
        label: String,
        /// What it may do: view, operate or sign; may be given more than once
        #[arg(long = "role", default_values = ["view", "operate"])]
        roles: Vec<String>,
    },
    /// The keys, without their secrets
    Ls,
    /// Make a key useless
    Rm {
        /// Its id
        id: String,
    },
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: OrgCommand) -> Result<()> {
    match command {
        OrgCommand::Add { name } => add(context, &name),
        OrgCommand::Join { key } => join(context, &key),
        OrgCommand::Ls => list(context),
        OrgCommand::Show { name } => show(context, name),
        OrgCommand::Quota { name, size: None } => show(context, Some(name)),
        OrgCommand::Quota { name, size: Some(size) } => set_quota(context, &name, size),
        OrgCommand::Place { name, under, weight } => place(context, &name, PlaceRequest { under, weight }),
        OrgCommand::Key(KeyCommand::Add { label, roles }) => add_key(context, KeyRequest { label, roles }),
        OrgCommand::Key(KeyCommand::Ls) => list_keys(context),
        OrgCommand::Key(KeyCommand::Rm { id }) => remove_key(context, &id),
    }
}

/// Tells the server the public half of this profile's signing key, drawing one where there is none. Answers the
/// organisation's public key where it is another one.
pub(crate) fn ensure_public_key(home: &Home, profile: &str, client: &Client) -> Result<Standing> {
    let me: MeView = client.get("/api/me")?;
    let own = home.signing_key(profile)?.map(|key| key.public().to_string());
    match (me.organisation.public_key, own) {
        (Some(known), Some(own)) if known == own => Ok(Standing::Signs),
        (Some(_), _) => Ok(Standing::SignsElsewhere),
        (None, _) if !me.roles.iter().any(|role| role == "sign") => Ok(Standing::MayNotSign),
        (None, _) => {
            let public_key = home.ensure_signing_key(profile)?.public().to_string();
            client.put("/api/me/public-key", &PublicKeyRequest { public_key })?;
            Ok(Standing::Signs)
        }
    }
}

/// Whether a profile can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// With the key that it holds.
    Signs,
    /// The organisation's key is another one.
    SignsElsewhere,
    /// Its API key may not sign.
    MayNotSign,
}

fn add(context: &Context, name: &str) -> Result<()> {
    let client = context.client()?;
    // Drawn here, so that asking again after a lost answer still yields a key that works.
    let (secret, hash) = draw::api_key()?;
    let request = OrganisationRequest { name: name.to_owned(), key_sha256: Some(hash) };
    let made: CreatedOrganisation = client.post("/api/organisations", &request)?;
    let made = CreatedOrganisation { key: Some(secret.clone()), ..made };
    if context.json {
        return Ok(print::json(&made)?);
    }
    Ok(print::line(context.words.organisation_added(&made.organisation.name, &secret, client.server()))?)
}

fn join(context: &Context, key: &str) -> Result<()> {
    let key = if key == "-" { read_key()? } else { key.to_owned() };
    let server = context.named_server();
    let client = Client::new(&server, Some(&key), context.language())?;
    let me: MeView = client.get("/api/me")?;
    let organisation = me.organisation.name.clone();
    let named = context.settings.profile.as_ref().map(|named| named.value.clone());
    let name = named.unwrap_or_else(|| organisation.clone());
    let home = context.home();
    let instance = health(&client)?;
    if home.names()?.contains(&name) {
        let known = home.load(&name)?;
        if known.organisation != organisation
            || known.instance.as_ref().is_some_and(|other| *other != instance)
        {
            let why = format!(
                "the profile `{name}` is {} at {}: name another with --profile",
                known.organisation, known.server
            );
            return Err(CliError::Usage(why).into());
        }
    }
    let profile = Profile { server, organisation: organisation.clone(), key, instance: Some(instance) };
    let path = home.save(&name, &profile)?;
    let standing = ensure_public_key(&home, &name, &client)?;
    if context.json {
        return Ok(print::json(&client.get::<MeView>("/api/me")?)?);
    }
    print::line(context.words.joined(&organisation, &name, &path.display().to_string()))?;
    match standing {
        Standing::Signs => {}
        Standing::SignsElsewhere => {
            let path = home.signing_key_file(&name)?.display().to_string();
            print::note(context.words.signs_elsewhere(&path));
        }
        Standing::MayNotSign => print::note(context.words.may_not_sign()),
    }
    Ok(())
}

fn read_key() -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn list(context: &Context) -> Result<()> {
    let all: Vec<OrganisationView> = context.client()?.list("/api/organisations")?;
    if context.json {
        return Ok(print::json(&all)?);
    }
    let row = |org: &OrganisationView| {
        let operator = if org.operator { "operator" } else { "" };
        let key = org.public_key.clone().unwrap_or_else(|| "-".to_owned());
        vec![org.name.clone(), org.id.clone(), operator.to_owned(), key]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(print::table(&["NAME", "ID", "ROLE", "PUBLIC KEY"], &rows)?)
}

fn organisation_path(name: &str) -> String {
    format!("/api/organisations/{}", encoded(name))
}

fn show(context: &Context, name: Option<String>) -> Result<()> {
    let client = context.client()?;
    let name = match name {
        Some(name) => name,
        None => client.get::<MeView>("/api/me")?.organisation.id,
    };
    let view: OrganisationDetailView = client.get(&organisation_path(&name))?;
    if context.json {
        return Ok(print::json(&view)?);
    }
    let quota = size::text(view.quota_bytes);
    let quota = if view.quota_is_own { quota } else { format!("{quota} (default)") };
    let key = view.organisation.public_key.clone().unwrap_or_else(|| "-".to_owned());
    let known: Vec<OrganisationView> = client.list("/api/organisations")?;
    let under = view.under.map_or_else(|| "-".to_owned(), |id| name_of(&known, id));
    let weight = view.weight.to_string();
    let [name, id] = [view.organisation.name, view.organisation.id];
    let row = vec![name, id, size::text(view.used_bytes), quota, under, weight, key];
    Ok(print::table(&["NAME", "ID", "STORED", "QUOTA", "UNDER", "WEIGHT", "PUBLIC KEY"], &[row])?)
}

/// An organisation's name where the sender knows it, else its id.
fn name_of(known: &[OrganisationView], id: String) -> String {
    known.iter().find(|one| one.id == id).map_or(id, |one| one.name.clone())
}

fn place(context: &Context, name: &str, request: PlaceRequest) -> Result<()> {
    context.client()?.put(&format!("{}/place", organisation_path(name)), &request)?;
    show(context, Some(name.to_owned()))
}

fn set_quota(context: &Context, name: &str, size: ByteSize) -> Result<()> {
    let quota_bytes = match size {
        ByteSize::Default => None,
        ByteSize::Bytes(bytes) => Some(bytes),
    };
    context.client()?.put(&format!("{}/quota", organisation_path(name)), &QuotaRequest { quota_bytes })?;
    show(context, Some(name.to_owned()))
}

fn add_key(context: &Context, request: KeyRequest) -> Result<()> {
    let made: CreatedKey = context.client()?.post("/api/keys", &request)?;
    if context.json {
        return Ok(print::json(&made)?);
    }
    let key = made.key.unwrap_or_else(|| "-".to_owned());
    Ok(print::table(&["ID", "LABEL", "KEY"], &[vec![made.view.id, made.view.label, key]])?)
}

fn list_keys(context: &Context) -> Result<()> {
    let all: Vec<KeyView> = context.client()?.list("/api/keys")?;
    if context.json {
        return Ok(print::json(&all)?);
    }
    let row = |key: &KeyView| vec![key.id.clone(), key.label.clone(), key.roles.join(", ")];
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(print::table(&["ID", "LABEL", "MAY"], &rows)?)
}

fn remove_key(context: &Context, id: &str) -> Result<()> {
    let client = context.client()?;
    let path = format!("/api/keys/{}", encoded(id));
    let gone: KeyView = client.value(&path, client.delete(&path)?)?;
    if context.json {
        return Ok(print::json(&gone)?);
    }
    Ok(print::line(format_args!("{} {}", gone.id, gone.label))?)
}
