//! A job as its chips see it: what it has done so far, with which batch, and what that taught its program.

use super::application::Application;
use super::learned::Profile;

/// After it got its cells, a job needs so long until it trains: what the authors measured of a checkpoint and a restart.
pub(super) const RESTART_S: f64 = 30.0;

/// A job's state.
#[derive(Clone, Debug)]
pub(super) struct Training {
    /// The batch that its user chose; nothing where its program chooses by what it learned.
    pub(super) batch: Option<f64>,
    /// Chips on each of its hosts.
    pub(super) hosts: Vec<u32>,
    pub(super) epoch: usize,
    pub(super) progress: f64,
    pub(super) attained_chip_s: f64,
    /// The gradients' square and variance as last seen.
    pub(super) noise: Option<(f64, f64)>,
    /// When it was done.
    pub(super) done_s: Option<f64>,
    restart_s: f64,
    local: f64,
    accumulations: f64,
}

impl Training {
    pub(super) fn new(batch: Option<f64>) -> Self {
        Self {
            batch,
            hosts: Vec::new(),
            epoch: 0,
            progress: 0.0,
            attained_chip_s: 0.0,
            noise: None,
            done_s: None,
            restart_s: 0.0,
            local: 0.0,
            accumulations: 0.0,
        }
    }

    pub(super) fn chips(&self) -> u32 {
        self.hosts.iter().sum()
    }

    /// It got cells, or lost them.
    pub(super) fn place(&mut self, app: &Application, profile: &Profile, hosts: Vec<u32>) {
        self.hosts = hosts;
        if !self.hosts.is_empty() {
            self.restart_s = RESTART_S;
            self.choose_batch(app, profile);
        }
    }

    /// Lets time pass from a moment on.
    pub(super) fn pass(&mut self, app: &Application, profile: &mut Profile, time: (f64, f64)) {
        let (mut now_s, mut left_s) = time;
        if self.hosts.is_empty() {
            return;
        }
        let chips = f64::from(self.chips());
        let restarts_s = self.restart_s.min(left_s);
        self.restart_s -= restarts_s;
        self.attained_chip_s += restarts_s * chips;
        (now_s, left_s) = (now_s + restarts_s, left_s - restarts_s);
        while left_s > 0.0 && self.done_s.is_none() {
            let goodput = self.goodput(app, profile);
            let next = app.progress(self.epoch + 1);
            let spent_s = if self.progress + goodput * left_s < next {
                self.progress += goodput * left_s;
                left_s
            } else {
                let spent_s = ((next - self.progress) / goodput).round_ties_even().min(left_s);
                (self.progress, self.epoch) = (next, self.epoch + 1);
                self.done_s = (self.epoch == app.epochs).then_some(now_s + spent_s);
                spent_s
            };
            self.attained_chip_s += spent_s * chips;
            (now_s, left_s) = (now_s + spent_s, left_s - spent_s);
            self.choose_batch(app, profile);
        }
    }

    /// Progress of a second, in steps of the first batch; and what is learned on the way.
    fn goodput(&mut self, app: &Application, profile: &mut Profile) -> f64 {
        let batch = f64::from(self.chips()) * self.local * (self.accumulations + 1.0);
        let time = app.step_time(&self.hosts, self.local);
        let noise = app.noise(batch, self.epoch);
        profile.saw((self.hosts.len(), self.chips(), self.local), time, noise);
        self.noise = Some(noise);
        gain(noise, batch / app.batch_first)
            / (time.step_s + (time.step_s - time.sync_s) * self.accumulations)
    }

    fn choose_batch(&mut self, app: &Application, profile: &Profile) {
        let chips = f64::from(self.chips());
        let noise = self.noise.or(profile.first_noise());
        let chosen = match (self.batch, noise) {
            (None, Some(noise)) => profile.best(app, (self.hosts.len(), self.chips()), noise),
            _ => None,
        };
        (self.local, self.accumulations) = match chosen {
            Some(best) => (best.local, best.accumulations),
            None => split(app, self.batch.unwrap_or(app.batch_first.max(app.local_min * chips)), chips),
        };
        let parts = chips * (self.accumulations + 1.0);
        self.local = self.local.min((app.batch_max / parts).floor());
    }
}

/// How much further a step brings with `scale` times the first batch (Pollux, section 3.1): (v + s) / (v / scale + s).
pub(super) fn gain(noise: (f64, f64), scale: f64) -> f64 {
    let (square, variance) = noise;
    let below = variance / scale + square;
    if below > 0.0 { (variance + square) / below } else { 1.0 }
}

/// A batch as samples that each chip takes at once, and how often it does so before gradients are exchanged.
pub(super) fn split(app: &Application, batch: f64, chips: f64) -> (f64, f64) {
    let each = (batch / chips - 1e-8).ceil();
    let mut accumulations = (each / app.local_max - 1e-8).ceil() - 1.0;
    if chips == 1.0 && batch > app.batch_first {
        // One gradient alone says nothing about their variance.
        accumulations = accumulations.max(1.0);
    }
    ((each / (accumulations + 1.0) - 1e-8).ceil(), accumulations)
}
