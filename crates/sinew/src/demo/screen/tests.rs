use super::{bar, curve};

#[test]
fn bars_fill_from_the_left() {
    assert_eq!(bar(0, 100).chars().count(), 24);
    assert_eq!(bar(50, 100), format!("{} {}", "█".repeat(12), "·".repeat(11)));
    assert_eq!(bar(100, 100), "█".repeat(24));
    assert_eq!(bar(7, 0).chars().count(), 24);
}

#[test]
fn a_falling_loss_falls_on_the_curve() {
    let losses: Vec<(u64, f64)> = (0..=100).map(|step| (step, 5.0 - step as f64 / 25.0)).collect();
    let lines = curve(&losses, 100);
    assert_eq!(lines.len(), 6);
    assert!(lines[0].contains(" 5.00 ⠙") || lines[0].contains(" 5.00 ⠉"), "{}", lines[0]);
    assert!(lines[5].trim_start().starts_with("1.00"), "{}", lines[5]);
    assert!(curve(&[(0, 1.0)], 100).is_empty());
    assert!(curve(&[(0, 1.0), (1, 1.0)], 100).is_empty());
}
