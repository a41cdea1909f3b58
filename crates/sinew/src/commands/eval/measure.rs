//! Asking all questions: in batches, several requests at a time, nothing again that an earlier run asked.

use super::endpoint::{Endpoint, Reply};
use super::files::Group;
use super::kept::{Kept, Line, hash};
use crate::print;
use crate::stop;
use anyhow::Result;
use sinew_engine::suite::{Answer, Ask, Outcome, Suite};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// The most texts that one request scores.
const TOGETHER: usize = 16;
/// Questions of each subject of MMLU where nobody says how many: 570 in all.
const MMLU_EACH: usize = 10;
/// How often a person who watches hears how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How questions went: by group and suite.
pub(super) type Lines = Vec<Vec<Vec<Line>>>;

/// What is to be measured, and how.
pub(super) struct Measure<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) groups: &'a [Group],
    pub(super) limit: Option<usize>,
    pub(super) seed: u64,
    pub(super) threads: usize,
}

/// What came of it.
pub(super) struct Measured {
    /// In the order of the questions.
    pub(super) lines: Lines,
    /// Tokens that were read and written now.
    pub(super) tokens: u64,
    /// Questions that were asked now; the others stood in the file.
    pub(super) asked: usize,
    /// From the first question to the last answer.
    pub(super) took: Duration,
}

/// A question: group, suite, index.
#[derive(Clone, Copy)]
pub(super) struct Task {
    group: usize,
    suite: usize,
    item: usize,
}

/// What the threads share.
struct Shared {
    batches: Mutex<VecDeque<Vec<Task>>>,
    ended: AtomicBool,
    tokens: AtomicU64,
}

impl Measure<'_> {
    /// What was answered in an earlier run, and what is left to ask.
    pub(super) fn begin(&self, kept: &Kept) -> (Lines, Vec<Task>) {
        let mut lines: Lines = self.groups.iter().map(|group| vec![Vec::new(); group.suites.len()]).collect();
        let mut tasks = Vec::new();
        for task in self.tasks() {
            let asked = hash(&self.asks(task, None));
            match kept.earlier(&self.suite(task).name, task.item, &asked) {
                Some(line) => lines[task.group][task.suite].push(line.clone()),
                None => tasks.push(task),
            }
        }
        (lines, tasks)
    }

    /// Asks what is left.
    pub(super) fn run(&self, mut kept: Kept, (mut lines, tasks): (Lines, Vec<Task>)) -> Result<Measured> {
        let total = tasks.len();
        let batches = Mutex::new(self.batches(tasks));
        let shared = Shared { batches, ended: AtomicBool::new(false), tokens: AtomicU64::new(0) };
        let began = Instant::now();
        let mut failed = None;
        std::thread::scope(|scope| {
            let (sender, answers) = channel();
            for _ in 0..self.threads {
                let (sender, shared) = (sender.clone(), &shared);
                scope.spawn(move || self.work(shared, &sender));
            }
            drop(sender);
            let (mut done, mut told) = (0, Instant::now());
            for answer in answers {
                let outcome = answer.and_then(|answered: Vec<(Task, Line)>| {
                    done += answered.len();
                    for (task, line) in answered {
                        kept.add(&line)?;
                        lines[task.group][task.suite].push(line);
                    }
                    stop::look()
                });
                if let Err(error) = outcome {
                    shared.ended.store(true, Ordering::Relaxed);
                    failed.get_or_insert(error);
                }
                if told.elapsed() > TELL_EVERY {
                    told = Instant::now();
                    print::progress(format_args!("{done} of {total} questions"));
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        lines.iter_mut().flatten().for_each(|lines| lines.sort_by_key(|line| line.item));
        Ok(Measured { lines, tokens: shared.tokens.into_inner(), asked: total, took: began.elapsed() })
    }

    fn suite(&self, task: Task) -> &Suite {
        &self.groups[task.group].suites[task.suite]
    }

    /// All questions that are wanted.
    fn tasks(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        for (group, of) in self.groups.iter().enumerate() {
            let limit = self.limit.or((of.name == "mmlu").then_some(MMLU_EACH));
            for (suite, read) in of.suites.iter().enumerate() {
                tasks.extend(read.drawn(limit, self.seed).into_iter().map(|item| Task {
                    group,
                    suite,
                    item,
                }));
            }
        }
        tasks
    }

    /// Questions that go into one request: texts to score together, what is to be written alone.
    fn batches(&self, tasks: Vec<Task>) -> VecDeque<Vec<Task>> {
        let mut batches: VecDeque<Vec<Task>> = VecDeque::new();
        let mut room = 0;
        for task in tasks {
            let item = &self.suite(task).items[task.item];
            let asks = item.asks();
            match batches.back_mut() {
                Some(batch) if asks <= room && !item.is_written() => {
                    batch.push(task);
                    room -= asks;
                }
                _ => {
                    batches.push_back(vec![task]);
                    room = if item.is_written() { 0 } else { TOGETHER.saturating_sub(asks) };
                }
            }
        }
        batches
    }

    /// One thread: takes batches until there are none.
    fn work(&self, shared: &Shared, answers: &Sender<Result<Vec<(Task, Line)>>>) {
        while !shared.ended.load(Ordering::Relaxed) {
            let batch = shared.batches.lock().expect("no thread panics with it").pop_front();
            let Some(batch) = batch else { return };
            // The other end lives until all threads have gone.
            let _ = answers.send(self.batch(shared, &batch));
        }
    }

    fn batch(&self, shared: &Shared, tasks: &[Task]) -> Result<Vec<(Task, Line)>> {
        let asks: Vec<Vec<Ask>> = tasks.iter().map(|task| self.asks(*task, None)).collect();
        let answers = match self.put(shared, &asks.concat())? {
            Ok(answers) => answers,
            // One of them may be too long for the model: each alone, then.
            Err(_) => return tasks.iter().map(|task| Ok((*task, self.alone(shared, *task)?))).collect(),
        };
        let mut answers = answers.into_iter();
        let graded = tasks.iter().zip(&asks).map(|(task, asks)| {
            let own: Vec<Answer> = answers.by_ref().take(asks.len()).collect();
            (*task, self.line(*task, self.suite(*task).grade(task.item, &own)))
        });
        Ok(graded.collect())
    }

    fn asks(&self, task: Task, shots: Option<usize>) -> Vec<Ask> {
        let suite = self.suite(task);
        suite.asks(task.item, self.seed, shots.unwrap_or(suite.manner.shots))
    }

    /// One question, with half the examples as long as it is too long.
    fn alone(&self, shared: &Shared, task: Task) -> Result<Line> {
        let suite = self.suite(task);
        let mut shots = suite.manner.shots;
        loop {
            match self.put(shared, &self.asks(task, Some(shots)))? {
                Ok(answers) => {
                    let line = self.line(task, suite.grade(task.item, &answers));
                    return Ok(Line { fewer_shots: suite.manner.shots - shots, ..line });
                }
                Err(_) if shots > 0 => shots /= 2,
                Err(why) => {
                    let nothing =
                        Outcome { right: false, by_sum: false, by_length: false, said: String::new() };
                    return Ok(Line { too_long: Some(why), ..self.line(task, nothing) });
                }
            }
        }
    }

    /// Asks in as many requests as it takes. The inner error says that it is too long.
    fn put(&self, shared: &Shared, asks: &[Ask]) -> Result<Result<Vec<Answer>, String>> {
        let mut all = Vec::new();
        for some in asks.chunks(TOGETHER) {
            match self.endpoint.put(some)? {
                Reply::Answers(answers, tokens) => {
                    shared.tokens.fetch_add(tokens, Ordering::Relaxed);
                    all.extend(answers);
                }
                Reply::TooLong(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(all))
    }

    fn line(&self, task: Task, outcome: Outcome) -> Line {
        Line {
            at: self.endpoint.url().to_owned(),
            model: self.endpoint.model().to_owned(),
            suite: self.suite(task).name.clone(),
            item: task.item,
            asked: hash(&self.asks(task, None)),
            fewer_shots: 0,
            too_long: None,
            outcome,
        }
    }
}
