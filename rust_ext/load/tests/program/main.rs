//! The program, run against small servers.
#![cfg(test)]

mod cli;
mod open_loop;
mod small_server;
