//! Settings and where each of them comes from: a flag, the environment, a file or the default.
//!
//! They are read once, here, from what `main` hands in; nothing else looks at the environment.

use crate::args::Flags;
use crate::error::CliError;
use sinew_api::Lang;
use sinew_types::Name;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where models' repositories are.
const USUAL_HUB: &str = "https://huggingface.co";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(&'static str),
    /// A profile.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

impl<T> Setting<T> {
    fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// The value of a flag where it was given; this one otherwise.
    pub(crate) fn or_flag(self, name: &'static str, flag: Option<T>) -> Self {
        match flag {
            Some(value) => Self::new(value, Origin::Flag(name)),
            None => self,
        }
    }
}

/// Everything that flags and the environment say. What they leave open, a profile may say.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The server's data folder.
    pub(crate) data: Setting<PathBuf>,
    /// The folder of keys and profiles.
    pub(crate) home: Setting<PathBuf>,
    /// The folder of models that were pulled.
    pub(crate) models: Setting<PathBuf>,
    /// The address of Hugging Face, or of a mirror.
    pub(crate) hub: Setting<String>,
    /// The key for it.
    pub(crate) hub_token: Option<Setting<String>>,
    /// The folder of suites that models are measured with.
    pub(crate) suites: Setting<PathBuf>,
    /// Which profile to use.
    pub(crate) profile: Option<Setting<String>>,
    /// The server's address.
    pub(crate) server: Option<Setting<String>>,
    /// The API key.
    pub(crate) key: Option<Setting<String>>,
    /// The language of answers.
    pub(crate) language: Setting<Lang>,
    /// Where `sinew up` listens.
    pub(crate) listen: Setting<SocketAddr>,
    /// The organisation that a first `sinew up` makes.
    pub(crate) owner: Setting<Name>,
}

/// The environment, as a function that tests can replace.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Reads the flags, then the environment, then the defaults.
    pub(crate) fn resolve(flags: &Flags, environment: Environment<'_>) -> Result<Self, CliError> {
        let text = |flag: &Option<String>, name: &'static str, variable: &'static str| {
            let given = flag.clone().map(|value| Setting::new(value, Origin::Flag(name)));
            given.or_else(|| variable_text(environment, variable))
        };
        let path = |flag: &Option<PathBuf>, name: &'static str, variable: &'static str| {
            let given = flag.clone().map(|value| Setting::new(value, Origin::Flag(name)));
            let said = || variable_text(environment, variable);
            given.or_else(|| said().map(|said| Setting::new(PathBuf::from(said.value), said.origin)))
        };
        let data = path(&flags.data, "--data", "SINEW_DATA");
        let home = match path(&flags.home, "--home", "SINEW_HOME") {
            Some(home) => home,
            None => usual_home(environment)?,
        };
        let models = path(&None, "", "SINEW_MODELS").unwrap_or_else(|| usual_models(environment, &home));
        let suites = path(&None, "", "SINEW_SUITES");
        let hub = variable_text(environment, "HF_ENDPOINT");
        let listen = SocketAddr::from(([127, 0, 0, 1], 7_390));
        let owner: Name = "owner".parse().expect("a fixed name is well formed");
        Ok(Self {
            data: data.unwrap_or_else(|| Setting::new(PathBuf::from("sinew-data"), Origin::Default)),
            home,
            models,
            hub: hub.unwrap_or_else(|| Setting::new(USUAL_HUB.to_owned(), Origin::Default)),
            hub_token: variable_text(environment, "HF_TOKEN"),
            suites: suites.unwrap_or_else(|| Setting::new(PathBuf::from("suites"), Origin::Default)),
            profile: text(&flags.profile, "--profile", "SINEW_PROFILE"),
            server: text(&flags.server, "--server", "SINEW_SERVER"),
            key: variable_text(environment, "SINEW_KEY"),
            language: language(flags, environment),
            listen: parsed(environment, "SINEW_LISTEN", "an address such as 127.0.0.1:7390", listen)?,
            owner: parsed(environment, "SINEW_OWNER", "a name such as aurora", owner)?,
        })
    }
}

/// A variable that is set to something.
fn variable_text(environment: Environment<'_>, name: &'static str) -> Option<Setting<String>> {
    let said = environment(name).filter(|value| !value.is_empty());
    said.map(|value| Setting::new(value, Origin::Environment(name)))
}

fn parsed<T: std::str::FromStr>(
    environment: Environment<'_>,
    name: &'static str,
    expected: &str,
    default: T,
) -> Result<Setting<T>, CliError> {
    let Some(said) = variable_text(environment, name) else {
        return Ok(Setting::new(default, Origin::Default));
    };
    let wrong =
        || CliError::Usage(format!("{name} is `{}`, which is not {expected}: correct it", said.value));
    said.value.parse().map(|value| Setting::new(value, said.origin.clone())).map_err(|_| wrong())
}

/// `$XDG_CONFIG_HOME/sinew`, else `~/.config/sinew`.
fn usual_home(environment: Environment<'_>) -> Result<Setting<PathBuf>, CliError> {
    if let Some(config) = variable_text(environment, "XDG_CONFIG_HOME") {
        return Ok(Setting::new(PathBuf::from(config.value).join("sinew"), config.origin));
    }
    let Some(user) = variable_text(environment, "HOME") else {
        let why = "neither HOME nor XDG_CONFIG_HOME says where your keys lie: name their folder with --home";
        return Err(CliError::Usage(why.to_owned()));
    };
    Ok(Setting::new(PathBuf::from(user.value).join(".config").join("sinew"), Origin::Default))
}

/// `$XDG_CACHE_HOME/sinew/models`, else `~/.cache/sinew/models`, else beside the keys.
fn usual_models(environment: Environment<'_>, home: &Setting<PathBuf>) -> Setting<PathBuf> {
    if let Some(cache) = variable_text(environment, "XDG_CACHE_HOME") {
        return Setting::new(PathBuf::from(cache.value).join("sinew").join("models"), cache.origin);
    }
    let folder = match variable_text(environment, "HOME") {
        Some(user) => PathBuf::from(user.value).join(".cache").join("sinew").join("models"),
        None => home.value.join("models"),
    };
    Setting::new(folder, Origin::Default)
}

/// `--lang`, else what the locale says.
fn language(flags: &Flags, environment: Environment<'_>) -> Setting<Lang> {
    if let Some(asked) = &flags.lang {
        return Setting::new(Lang::asked(asked.word()), Origin::Flag("--lang"));
    }
    let said = ["SINEW_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    match said.iter().find_map(|name| variable_text(environment, name)) {
        Some(said) => Setting::new(Lang::asked(&said.value), said.origin),
        None => Setting::new(Lang::En, Origin::Default),
    }
}

/// The two letters of a language.
pub(crate) fn language_tag(language: Lang) -> &'static str {
    match language {
        Lang::En => "en",
        Lang::Fr => "fr",
    }
}

#[cfg(test)]
mod tests;
