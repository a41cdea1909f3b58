//! What clients change about a workload after they submitted it.

use serde::{Deserialize, Serialize};
use sinew_core::{Adjustment, Workload};
use sinew_sched::Near;
use sinew_types::{CellIndex, Malformed, Shape};
use utoipa::ToSchema;

/// The most wishes in one list.
const NEAR_MAX: usize = 1_024;

/// The most chips that the wishes of one list choose from: every one of the largest pools once.
const NEAR_CHIPS_MAX: u64 = 1 << 20;

/// What changes about a workload; what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustRequest {
    /// Whether it is held back. One that runs leaves by notice, and goes on when it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<bool>,
    /// Higher goes first within the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The smallest shape that it runs on, such as `1 chip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<String>,
    /// The largest shape that it makes use of; the smallest where only that one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<String>,
    /// Where it would rather be; any cells will do where these are not idle or not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Vec<NearWire>>,
}

/// So many of the chips of its pool that lie side by side.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NearWire {
    /// The first of these chips, by its number in the pool.
    pub first: u32,
    /// How many there are side by side.
    pub count: u32,
    /// How many of them it would like.
    pub chips: u32,
}

impl AdjustRequest {
    /// The change, if each field reads well.
    pub fn to_change(&self, workload: &Workload) -> Result<Adjustment, Malformed> {
        let read = |name: &str, text: &Option<String>| {
            let shape = text.as_deref().map(str::parse::<Shape>).transpose();
            shape.map_err(|wrong| wrong.inside(name))
        };
        let (least, most) = (read("least", &self.least)?, read("most", &self.most)?);
        let now = workload.spec.parts.first().map(|part| part.least);
        let shapes = match (least, most) {
            (None, None) => None,
            (least, most) => least.or(now).map(|least| (least, most.unwrap_or(least))),
        };
        let near = self.near.as_deref().map(wishes).transpose().map_err(|wrong| wrong.inside("near"))?;
        Ok(Adjustment { held: self.held, priority: self.priority, shapes, near })
    }
}

/// The wishes of a list, if they can be met and looked through at all.
fn wishes(near: &[NearWire]) -> Result<Vec<Near>, Malformed> {
    if near.len() > NEAR_MAX {
        return Err(Malformed::new(format!("{} wishes", near.len()), format!("at most {NEAR_MAX}")));
    }
    let count: u64 = near.iter().map(|wire| u64::from(wire.count)).sum();
    if count > NEAR_CHIPS_MAX {
        let found = format!("{count} chips to choose from");
        return Err(Malformed::new(found, format!("at most {NEAR_CHIPS_MAX} in one list")));
    }
    if let Some(wire) = near.iter().find(|wire| wire.chips == 0 || wire.chips > wire.count) {
        let found = format!("{} of {} chips", wire.chips, wire.count);
        return Err(Malformed::new(found, "at least one chip and no more than there are side by side"));
    }
    let wish = |wire: &NearWire| Near { first: CellIndex(wire.first), count: wire.count, chips: wire.chips };
    Ok(near.iter().map(wish).collect())
}

#[cfg(test)]
mod tests;
