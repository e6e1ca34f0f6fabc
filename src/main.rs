//! The `holdfast` command: parses, starts telemetry, runs, and answers with an exit code.

fn main() {}
