use super::*;
use crate::args::Language;
use expect_test::{Expect, expect};
use std::collections::BTreeMap;

/// Resolves flags against `NAME=VALUE` lines and shows every setting with its origin.
fn check(flags: &Flags, environment: &str, shown: &Expect) {
    let variables: BTreeMap<&str, &str> =
        environment.lines().filter_map(|line| line.split_once('=')).collect();
    let look_up = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    shown.assert_eq(&match Settings::resolve(flags, &look_up) {
        Ok(settings) => show(&settings),
        Err(error) => format!("{error}\n"),
    });
}

fn show(settings: &Settings) -> String {
    let some = |name: &str, setting: &Option<Setting<String>>| match setting {
        Some(setting) => format!("{name} = {} ({})\n", setting.value, setting.origin),
        None => String::new(),
    };
    format!(
        "data = {} ({})\nhome = {} ({})\n{}{}{}language = {} ({})\nlisten = {} ({})\nowner = {} ({})\n",
        settings.data.value.display(),
        settings.data.origin,
        settings.home.value.display(),
        settings.home.origin,
        some("profile", &settings.profile),
        some("server", &settings.server),
        some("key", &settings.key),
        language_tag(settings.language.value),
        settings.language.origin,
        settings.listen.value,
        settings.listen.origin,
        settings.owner.value,
        settings.owner.origin,
    )
}

#[test]
fn nothing_said_means_the_defaults() {
    let shown = expect![[r#"
        data = sinew-data (default)
        home = me/.config/sinew (default)
        language = en (default)
        listen = 127.0.0.1:7390 (default)
        owner = owner (default)
    "#]];
    check(&Flags::default(), "HOME=me", &shown);
}

#[test]
fn the_environment_stands_above_the_defaults() {
    let shown = expect![[r#"
        data = there (env SINEW_DATA)
        home = config/sinew (env XDG_CONFIG_HOME)
        profile = lyra (env SINEW_PROFILE)
        server = http://127.0.0.1:1 (env SINEW_SERVER)
        key = sk-1 (env SINEW_KEY)
        language = fr (env LANG)
        listen = 127.0.0.1:0 (env SINEW_LISTEN)
        owner = aurora (env SINEW_OWNER)
    "#]];
    let environment = "HOME=me\nXDG_CONFIG_HOME=config\nSINEW_DATA=there\nSINEW_PROFILE=lyra\n\
        SINEW_SERVER=http://127.0.0.1:1\nSINEW_KEY=sk-1\nLANG=fr_FR.UTF-8\nLC_ALL=\n\
        SINEW_LISTEN=127.0.0.1:0\nSINEW_OWNER=aurora";
    check(&Flags::default(), environment, &shown);
}

#[test]
fn flags_stand_above_the_environment() {
    let flags = Flags {
        data: Some("flagged".into()),
        home: Some("keys".into()),
        profile: Some("aurora".to_owned()),
        server: Some("http://127.0.0.1:2".to_owned()),
        lang: Some(Language::En),
        json: false,
    };
    let shown = expect![[r#"
        data = flagged (flag --data)
        home = keys (flag --home)
        profile = aurora (flag --profile)
        server = http://127.0.0.1:2 (flag --server)
        language = en (flag --lang)
        listen = 127.0.0.1:7390 (default)
        owner = owner (default)
    "#]];
    let environment = "SINEW_DATA=there\nSINEW_HOME=here\nSINEW_PROFILE=lyra\nSINEW_SERVER=x\nLANG=fr";
    check(&flags, environment, &shown);
}

#[test]
fn a_wrong_value_is_named() {
    let shown = expect![[r#"
        SINEW_LISTEN is `7390`, which is not an address such as 127.0.0.1:7390: correct it
    "#]];
    check(&Flags::default(), "HOME=me\nSINEW_LISTEN=7390", &shown);
    let shown = expect![[r#"
        neither HOME nor XDG_CONFIG_HOME says where your keys lie: name their folder with --home
    "#]];
    check(&Flags::default(), "", &shown);
}
