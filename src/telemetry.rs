//! Logs: to standard error, as text or as JSON, so that standard output stays for people and pipes.

use std::env::{self, VarError};
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The environment variable that filters logs.
const FILTER: &str = "HOLDFAST_LOG";
/// What is logged where nothing else is asked for.
const DEFAULT: &str = "sqlx::postgres::notice=error,info";

/// How logs look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines of text.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Sends logs to standard error. `HOLDFAST_LOG` filters them (`info`, `holdfast=debug`, …).
pub fn start(format: LogFormat) {
    let (filter, fault) = filter(env::var(FILTER));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Where nobody reads them any more they are lost: to say so there would be a panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => logs
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .init(),
        LogFormat::Json => logs.json().init(),
    }
    if let Some(fault) = fault {
        tracing::warn!("{fault}");
    }
}

/// The filter that is asked for, and what is wrong with what cannot be used.
fn filter(asked: Result<String, VarError>) -> (EnvFilter, Option<String>) {
    let fault = match asked {
        Ok(text) => match EnvFilter::try_new(&text) {
            Ok(filter) => return (filter, None),
            Err(error) => Some(format!(
                "{FILTER} is {text:?}, which cannot be used ({error}): {DEFAULT} instead"
            )),
        },
        Err(VarError::NotUnicode(_)) => Some(format!("{FILTER} is not UTF-8: {DEFAULT} instead")),
        Err(VarError::NotPresent) => None,
    };
    (EnvFilter::new(DEFAULT), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_used_is_said_and_the_default_taken() {
        let (taken, fault) = filter(Ok("holdfast=debug".to_owned()));
        assert_eq!((taken.to_string().as_str(), fault), ("holdfast=debug", None));
        let (taken, fault) = filter(Ok("holdfast=loud".to_owned()));
        assert_eq!(taken.to_string(), DEFAULT);
        assert!(fault.is_some_and(|fault| fault.contains("holdfast=loud")));
        assert!(filter(Err(VarError::NotPresent)).1.is_none());
    }
}
