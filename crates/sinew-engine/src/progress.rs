//! How a run goes: lines of JSON in `metrics.jsonl` for programs and now and then a line of text for people.

use crate::tensorboard::Events;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use sinew_model::Config;
use sinew_tensor::Team;
use sinew_tensor::kernels::burst;
use sinew_train::{Recipe, RowKind};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const METRICS: &str = "metrics.jsonl";
const LINE_EVERY: Duration = Duration::from_millis(200);
const TEXT_EVERY: Duration = Duration::from_secs(3);

/// Tells how a run goes.
pub(crate) struct Progress {
    file: File,
    threads: usize,
    work: Work,
    losses: Vec<f64>,
    since: Instant,
    text_since: Option<Instant>,
    tokens_per_s: Option<f64>,
    events: Option<Events>,
}

/// What a step costs and what the machine could do.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) steps: u64,
    pub(crate) batch_tokens: usize,
    pub(crate) token_flops: f64,
    pub(crate) peak_flops: f64,
}

impl Work {
    pub(crate) fn measure(config: &Config, recipe: &Recipe, weights: usize, team: &Team) -> Work {
        let texts = recipe.mix.iter().filter(|kind| **kind == RowKind::Text).count();
        // Only windows of text see a whole row; what packed examples spend on attention is too little to count.
        let text_share = texts as f64 / recipe.mix.len() as f64;
        let attention = (6 * config.layers * config.heads * config.head_width * recipe.row_tokens) as f64;
        Work {
            steps: recipe.steps,
            batch_tokens: recipe.batch_tokens(),
            token_flops: 6.0 * weights as f64 + attention * text_share,
            peak_flops: peak_flops(team),
        }
    }
}

/// Operations a second of multiplications and additions in registers, on all threads together, in a moment: the most
/// that these threads could do here and now.
fn peak_flops(team: &Team) -> f64 {
    const ROUNDS: usize = 20_000;
    const TIME: Duration = Duration::from_millis(40);
    let mut rates = vec![0.0; team.threads()];
    team.for_each(&mut rates, |_, rate| {
        let begin = Instant::now();
        // The best of short stretches, because a stretch in which another program ran says nothing about the processor.
        while begin.elapsed() < TIME {
            let start = Instant::now();
            let (flops, sum) = burst(ROUNDS);
            std::hint::black_box(sum);
            *rate = f64::max(*rate, flops / start.elapsed().as_secs_f64());
        }
    });
    rates.iter().sum()
}

impl Progress {
    pub(crate) fn open(folder: &Path, work: Work, (threads, tensorboard): (usize, bool)) -> Result<Progress> {
        let path = folder.join(METRICS);
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
            // A kill may have cut the last line; what follows must not be glued to it.
            if file.metadata()?.len() > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        let file = open().with_context(|| format!("cannot write `{}`", path.display()))?;
        let since = Instant::now();
        let events =
            if tensorboard { Some(Events::open(&folder.join("tensorboard"), now_ms())?) } else { None };
        let losses = Vec::new();
        Ok(Progress { file, threads, work, losses, since, text_since: None, tokens_per_s: None, events })
    }

    /// Takes a step's loss and tells about it when it is time to.
    pub(crate) fn step(&mut self, step: u64, loss: f64) -> Result<()> {
        self.losses.push(loss);
        let elapsed = self.since.elapsed();
        if elapsed < LINE_EVERY && step < self.work.steps {
            return Ok(());
        }
        let count = self.losses.len() as f64;
        let now = count * self.work.batch_tokens as f64 / elapsed.as_secs_f64().max(1e-9);
        let tokens_per_s = self.tokens_per_s.map_or(now, |before| before * 0.8 + now * 0.2);
        self.tokens_per_s = Some(tokens_per_s);
        let loss = self.losses.drain(..).sum::<f64>() / count;
        self.since = Instant::now();
        let steps = self.work.steps;
        let left_s = (steps - step.min(steps)) as f64 * self.work.batch_tokens as f64 / tokens_per_s;
        let share = tokens_per_s * self.work.token_flops / self.work.peak_flops.max(1.0);
        self.write(&json!({
            "step": step, "steps": steps, "loss": round(loss, 4), "tokens_per_s": tokens_per_s.round(),
            "now_tokens_per_s": now.round(),
            "peak_share": round(share, 3), "left_s": round(left_s, 1), "threads": self.threads, "t_ms": now_ms(),
        }))?;
        if let Some(events) = &mut self.events {
            events.scalars(
                now_ms(),
                step,
                &[("loss", loss), ("tokens_per_s", tokens_per_s), ("peak_share", share)],
            )?;
        }
        if step >= steps || self.text_since.is_none_or(|since| since.elapsed() >= TEXT_EVERY) {
            self.text_since = Some(Instant::now());
            println!(
                "step {step}/{steps}  loss {loss:.3}  {tokens_per_s:.0} tok/s  {:.0} % of peak  {left_s:.0} s left",
                share * 100.0
            );
        }
        Ok(())
    }

    /// Writes a line that something happened.
    pub(crate) fn event(&mut self, name: &str, step: u64, took: Duration) -> Result<()> {
        let ms = round(took.as_secs_f64() * 1000.0, 1);
        self.write(&json!({"event": name, "step": step, "ms": ms, "threads": self.threads, "t_ms": now_ms()}))
    }

    /// Tells the loss on what is not trained on.
    pub(crate) fn evaluated(&mut self, step: u64, loss: f64) -> Result<()> {
        if let Some(events) = &mut self.events {
            events.scalars(now_ms(), step, &[("held_out_loss", loss)])?;
        }
        println!("step {step}/{}  held-out loss {loss:.3}", self.work.steps);
        self.write(
            &json!({"event": "evaluated", "step": step, "held_out_loss": round(loss, 4), "t_ms": now_ms()}),
        )
    }

    /// Leaves the time since the last line out of the speed: it was not spent on steps.
    pub(crate) fn skip_time(&mut self, took: Duration) {
        self.since += took;
    }

    fn write(&mut self, line: &Value) -> Result<()> {
        let line = format!("{line}\n");
        self.file
            .write_all(line.as_bytes())
            .with_context(|| format!("cannot write `{METRICS}`; is the disk full?"))
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10.0_f64.powi(digits);
    (value * scale).round() / scale
}

/// Milliseconds since 1970, UTC.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
