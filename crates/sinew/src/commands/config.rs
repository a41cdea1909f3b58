//! `sinew config show`: what is set, and where each value comes from.

use crate::context::Context;
use crate::print;
use crate::settings::{Origin, Setting};
use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

/// How much of a secret is shown.
const SHOWN_OF_KEY: usize = 4;

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every setting, as this command line would use it
    #[command(
        after_help = "Examples:\n  sinew config show --origin\n  sinew --profile lyra config show --origin --json"
    )]
    Show {
        /// Also where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

/// A setting, for people and programs.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    name: &'static str,
    value: Option<String>,
    origin: String,
}

/// Shows all settings. Secrets are shown by their end only.
pub(crate) fn run(context: &Context, command: &ConfigCommand) -> Result<()> {
    let ConfigCommand::Show { origin } = command;
    let rows = rows(context)?;
    if context.json {
        return Ok(print::json(&rows)?);
    }
    let cells = |row: &Row| {
        let value = row.value.clone().unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![row.name.to_owned(), value];
        cells.extend(origin.then(|| row.origin.clone()));
        cells
    };
    let table: Vec<_> = rows.iter().map(cells).collect();
    let head: &[&str] = if *origin { &["SETTING", "VALUE", "ORIGIN"] } else { &["SETTING", "VALUE"] };
    Ok(print::table(head, &table)?)
}

fn rows(context: &Context) -> Result<Vec<Row>> {
    let settings = &context.settings;
    let door = context.door()?;
    let home = context.home();
    let mut rows = vec![
        row("data", settings.data.value.display().to_string(), &settings.data.origin),
        row("home", settings.home.value.display().to_string(), &settings.home.origin),
        row("models", settings.models.value.display().to_string(), &settings.models.origin),
        row("suites", settings.suites.value.display().to_string(), &settings.suites.origin),
        row("hub", settings.hub.value.clone(), &settings.hub.origin),
        optional("hub-token", settings.hub_token.as_ref(), |token| masked(token)),
        optional("profile", door.profile.as_ref(), String::clone),
        row("server", door.server.value.clone(), &door.server.origin),
        optional("organisation", door.organisation.as_ref(), String::clone),
        optional("key", door.key.as_ref(), |key| masked(key)),
    ];
    let signing = match &door.profile {
        Some(profile) => Some(home.signing_key_file(&profile.value)?).filter(|path| path.is_file()),
        None => None,
    };
    rows.push(match signing {
        Some(path) => row("signing-key", path.display().to_string(), &Origin::File(path)),
        None => Row { name: "signing-key", value: None, origin: Origin::Default.to_string() },
    });
    rows.push(row("language", context.language().to_owned(), &settings.language.origin));
    rows.push(row("listen", settings.listen.value.to_string(), &settings.listen.origin));
    rows.push(row("owner", settings.owner.value.to_string(), &settings.owner.origin));
    rows.push(Row { name: "profiles", value: Some(home.names()?.join(", ")), origin: "home".to_owned() });
    Ok(rows)
}

fn row(name: &'static str, value: String, origin: &Origin) -> Row {
    Row { name, value: Some(value), origin: origin.to_string() }
}

fn optional(name: &'static str, setting: Option<&Setting<String>>, show: impl Fn(&String) -> String) -> Row {
    match setting {
        Some(setting) => row(name, show(&setting.value), &setting.origin),
        None => Row { name, value: None, origin: Origin::Default.to_string() },
    }
}

fn masked(key: &str) -> String {
    let start = key.char_indices().rev().nth(SHOWN_OF_KEY - 1).map_or(0, |(at, _)| at);
    format!("…{}", &key[start..])
}
