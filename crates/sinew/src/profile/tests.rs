use super::*;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> Home {
        Home::new(&self.path("home"), &self.path("data"))
    }
}

fn profile() -> Profile {
    Profile {
        server: "http://127.0.0.1:7390".to_owned(),
        organisation: "lyra".to_owned(),
        key: "sk-1".to_owned(),
        instance: None,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_profile_comes_back_and_only_its_owner_may_read_it() {
    let place = Place::new();
    let home = place.home();
    assert_eq!(home.usual().expect("a list"), None);
    home.save("lyra", &profile()).expect("it is written");
    let key = home.ensure_signing_key("lyra").expect("a key");
    assert_eq!(home.load("lyra").expect("it is there"), profile());
    assert_eq!(home.ensure_signing_key("lyra").expect("the same key").public(), key.public());
    assert_eq!(mode(&home.file("lyra").expect("a path")), 0o600);
    assert_eq!(mode(&home.signing_key_file("lyra").expect("a path")), 0o600);
    assert_eq!(mode(&place.path("home/profiles/lyra")), 0o700);
    assert_eq!(home.usual().expect("a list"), Some("lyra".to_owned()));
    let left = fs::read_dir(place.path("home/profiles/lyra")).expect("a list").count();
    assert_eq!(left, 2, "no half-written file is left");
}

#[test]
fn what_others_may_read_is_refused() {
    let place = Place::new();
    let home = place.home();
    home.save("lyra", &profile()).expect("it is written");
    let file = home.file("lyra").expect("a path");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let refused = home.load("lyra").expect_err("others may read it").to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

#[test]
fn keys_never_lie_in_a_data_folder() {
    let place = Place::new();
    let inside = Home::new(&place.path("data/keys"), &place.path("data"));
    let refused = inside.save("lyra", &profile()).expect_err("it is inside").to_string();
    assert!(refused.contains("inside the server's data folder"), "{refused}");
    assert!(refused.contains("--home"), "{refused}");
    assert!(!place.path("data").exists(), "nothing was made");

    // The folder of another Sinew, reached through a link.
    fs::create_dir_all(place.path("other")).expect("a folder");
    fs::write(place.path("other/sinew.json"), "{}").expect("a file");
    std::os::unix::fs::symlink(place.path("other"), place.path("link")).expect("a link");
    let linked = Home::new(&place.path("link/keys"), &place.path("data"));
    assert!(linked.ensure_signing_key("lyra").is_err());
    assert!(!place.path("other/keys").exists(), "nothing was made");
}

#[test]
fn several_profiles_need_a_name_unless_one_is_the_default() {
    let place = Place::new();
    let home = place.home();
    home.save("aurora", &profile()).expect("it is written");
    home.save("lyra", &profile()).expect("it is written");
    let asked = home.usual().expect_err("two of them").to_string();
    assert!(asked.contains("(aurora, lyra)"), "{asked}");
    home.save("default", &profile()).expect("it is written");
    assert_eq!(home.usual().expect("a list"), Some("default".to_owned()));
}

#[test]
fn names_stay_inside_the_folder() {
    let home = Place::new().home();
    let refused = home.load("../../etc").expect_err("it leaves the folder").to_string();
    assert!(refused.contains("is not a name"), "{refused}");
    let absent = home.load("nobody").expect_err("there is none").to_string();
    assert!(absent.contains("there is no profile `nobody`"), "{absent}");
}
