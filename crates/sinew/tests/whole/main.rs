//! The whole program as its clients meet it: the real binary or server, journal, executor, supervisor and sandbox.

mod api;
mod bad_input;
mod kill;
mod leaving;
mod recall;
mod rivals;
mod sandbox;
mod world;
