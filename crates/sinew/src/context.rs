//! What every command has at hand: the settings, the profile, a client, the words.

use crate::args::Flags;
use crate::client::Client;
use crate::error::CliError;
use crate::profile::{Home, Profile};
use crate::settings::{Environment, Origin, Setting, Settings, language_tag};
use crate::words::Words;
use anyhow::Result;
use sinew_contract::SecretKey;

/// Where a server listens unless it is told otherwise.
const USUAL_SERVER: &str = "http://127.0.0.1:7390";

/// The settings of this run.
pub(crate) struct Context {
    /// What flags and the environment say.
    pub(crate) settings: Settings,
    /// Whether answers are printed in the form that they have on the wire.
    pub(crate) json: bool,
    /// The language of our own sentences.
    pub(crate) words: Words,
}

/// Which server, and as whom.
pub(crate) struct Door {
    /// The profile in use, by name.
    pub(crate) profile: Option<Setting<String>>,
    /// The server's address.
    pub(crate) server: Setting<String>,
    /// The organisation's name, as the profile knows it.
    pub(crate) organisation: Option<Setting<String>>,
    /// The API key.
    pub(crate) key: Option<Setting<String>>,
}

impl Context {
    /// Reads all settings.
    pub(crate) fn new(flags: &Flags, environment: Environment<'_>) -> Result<Self, CliError> {
        let settings = Settings::resolve(flags, environment)?;
        let words = Words(settings.language.value);
        Ok(Self { settings, json: flags.json, words })
    }

    /// The folder of keys and profiles.
    pub(crate) fn home(&self) -> Home {
        Home::new(&self.settings.home.value, &self.settings.data.value)
    }

    /// The language of answers, as HTTP names it.
    pub(crate) fn language(&self) -> &'static str {
        language_tag(self.settings.language.value)
    }

    /// Which server and as whom: flags, then the environment, then the profile.
    pub(crate) fn door(&self) -> Result<Door> {
        let home = self.home();
        let usual = || home.usual().map(|name| name.map(|value| Setting { value, origin: Origin::Default }));
        let profile = match &self.settings.profile {
            Some(named) => Some(named.clone()),
            // Whoever says everything else needs no profile.
            None if self.settings.key.is_some() && self.settings.server.is_some() => None,
            None => usual()?,
        };
        let loaded = match &profile {
            Some(name) => Some((home.load(&name.value)?, Origin::File(home.file(&name.value)?))),
            None => None,
        };
        let from_profile = |field: fn(&Profile) -> &String| {
            let read = loaded.as_ref();
            read.map(|(profile, origin)| Setting { value: field(profile).clone(), origin: origin.clone() })
        };
        let usual_server = Setting { value: USUAL_SERVER.to_owned(), origin: Origin::Default };
        let server = self.settings.server.clone().or_else(|| from_profile(|p| &p.server));
        Ok(Door {
            server: server.unwrap_or(usual_server),
            organisation: from_profile(|p| &p.organisation),
            key: self.settings.key.clone().or_else(|| from_profile(|p| &p.key)),
            profile,
        })
    }

    /// The profile in use, by name, where no server is asked.
    pub(crate) fn profile_name(&self) -> Result<String, CliError> {
        let named = self.settings.profile.as_ref().map(|named| named.value.clone());
        let name = named.map_or_else(|| self.home().usual(), |name| Ok(Some(name)))?;
        Ok(name.unwrap_or_else(|| "default".to_owned()))
    }

    /// The server that was named, or the usual one: for whoever has no profile yet.
    pub(crate) fn named_server(&self) -> String {
        let named = self.settings.server.as_ref().map(|server| server.value.trim_end_matches('/').to_owned());
        named.unwrap_or_else(|| USUAL_SERVER.to_owned())
    }

    /// A client that speaks for an organisation.
    pub(crate) fn client(&self) -> Result<Client> {
        let door = self.door()?;
        let Some(key) = door.key else {
            let why = "there is no key yet: `sinew org join --server URL --key KEY` keeps one, \
                       a first `sinew up` makes one, and SINEW_KEY gives one for a single command";
            return Err(CliError::Usage(why.to_owned()).into());
        };
        Ok(Client::new(&door.server.value, Some(&key.value), self.language())?)
    }

    /// The key that the organisation signs with.
    pub(crate) fn signing_key(&self) -> Result<SecretKey> {
        let name = self.door()?.profile.map(|profile| profile.value);
        let Some(name) = name else {
            let why = "signing needs a profile, which holds the signing key: `sinew org join` makes one";
            return Err(CliError::Usage(why.to_owned()).into());
        };
        let home = self.home();
        let path = home.signing_key_file(&name)?;
        let missing = || {
            CliError::Usage(format!(
                "the signing key {} is not there: bring it from where this organisation first joined",
                path.display()
            ))
        };
        Ok(home.signing_key(&name)?.ok_or_else(missing)?)
    }
}
