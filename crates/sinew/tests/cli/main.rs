//! The real program from outside: processes, exit codes, files and a server of its own.

mod chat;
mod path;
mod support;
