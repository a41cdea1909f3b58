//! The real program from outside: processes, exit codes, files and a server of its own.

mod chat;
mod eval;
mod machine;
mod model;
mod path;
mod pools;
mod support;
mod what_if;
