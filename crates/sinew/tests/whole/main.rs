//! The whole program as its clients meet it: the real binary or server, journal, executor, supervisor and sandbox.

mod adjust;
mod api;
mod bad_input;
mod batch;
mod full_disk;
mod kept;
mod kill;
mod leaving;
mod machine;
mod notice;
mod outputs;
mod quota;
mod recall;
mod rehearsal;
mod rivals;
mod sandbox;
mod serving;
mod start;
mod submissions;
mod uploads;
mod what_if;
mod world;
