//! The `holdfast` command: parses, starts telemetry, runs, and answers with an exit code.

use std::process::ExitCode;

use clap::Parser;
use holdfast::cli::{Cli, output};
use holdfast::telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.log_format);
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
