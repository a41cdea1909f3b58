//! Runs real programs on the real kernel: how leases live and end, what outlives what, and what a program may touch.

mod bare;
mod lifecycle;
mod sandbox;
mod support;
mod survival;
