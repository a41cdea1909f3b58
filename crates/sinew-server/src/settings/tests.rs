use super::Settings;
use std::path::PathBuf;

#[test]
fn what_is_printed_of_settings_holds_no_secret() {
    let mut settings = Settings::new(PathBuf::from("data"));
    settings.first_secret = Some("swordfish".to_owned());
    settings.log_seed = Some([171; 32]);
    let shown = format!("{settings:?}");
    assert!(shown.contains("7390") && !shown.contains("swordfish") && !shown.contains("171"), "{shown}");
}
