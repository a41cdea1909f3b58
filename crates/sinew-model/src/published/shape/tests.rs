use super::*;

fn read(more: &str) -> Result<Shape, String> {
    let text = format!(
        r#"{{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 320,
        "num_hidden_layers": 2, "intermediate_size": 128, "max_position_embeddings": 256, {more} "hidden_act": "silu"}}"#
    );
    Shape::from_json(&text).map_err(|error| error.to_string())
}

#[test]
fn scaled_positions_are_refused_whatever_they_are_called() {
    let new = read(r#""rope_parameters": {"rope_type": "default", "rope_theta": 5000.0},"#).expect("known");
    assert_eq!(new.config.rope_theta, 5000.0);
    assert!(read(r#""rope_parameters": {"rope_theta": 5000.0},"#).is_ok());
    for name in ["rope_scaling", "rope_parameters"] {
        let said =
            read(&format!(r#""{name}": {{"rope_type": "llama3", "factor": 8.0}},"#)).expect_err("refused");
        assert!(said.contains(&format!("{name} is ")) && said.contains("only unscaled positions"), "{said}");
    }
}
