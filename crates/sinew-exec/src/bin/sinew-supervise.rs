//! The supervisor as a program of its own, for servers that do not want to be their own supervisor.

use std::path::Path;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(leases_dir), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: sinew-supervise LEASES_DIR");
        std::process::exit(2);
    };
    std::process::exit(sinew_exec::supervise(Path::new(&leases_dir)));
}
