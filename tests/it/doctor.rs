//! The doctor, and the log at start, on the system's own zones and on others.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::support::grpcurl::set_up;
use crate::support::process::{HOLDFAST, ServerProcess, output_of, text};

/// A zone that the demonstration location of `set_up` does not have.
const ZONE: &str = "Europe/Lisbon";

/// A directory in which a zone keeps the clocks of Tokyo.
fn other_clocks() -> io::Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    fs::create_dir(directory.path().join("Europe"))?;
    fs::copy("/usr/share/zoneinfo/Asia/Tokyo", directory.path().join(ZONE))?;
    fs::copy("/usr/share/zoneinfo/Asia/Tokyo", directory.path().join("UTC"))?;
    Ok(directory)
}

fn doctor(arguments: &[&str]) -> (bool, String, String) {
    let output = output_of(Command::new(HOLDFAST).arg("doctor").args(arguments).env_remove("TZDIR"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text(&output), errors)
}

#[test]
fn a_zone_with_other_clocks_is_named_and_fails() {
    let directory = other_clocks().expect("the system has zones");
    let zones = directory.path().display().to_string();
    let (well, said, errors) = doctor(&["--zone", ZONE, "--zone", "Asia/Tokyo", "--zoneinfo", &zones]);
    assert!(!well && errors.contains("1 of the zones"), "{errors}");
    assert!(said.contains(chrono_tz::IANA_TZDB_VERSION), "{said}");
    assert!(
        said.contains("Europe/Lisbon: from ") && said.contains("UTC+09:00 on this system"),
        "{said}"
    );
    assert!(said.contains("Asia/Tokyo: the system has no such zone"), "{said}");
    let (well, said, _) = doctor(&["--zone", "Asia/Tokyo"]);
    assert!(well && said.contains("Asia/Tokyo: the same"), "{said}");
}

#[test]
fn the_zones_of_a_database_are_compared_and_a_missing_file_is_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let url = format!("sqlite:{}", database.display());
    let (well, _, errors) = doctor(&["--database-url", &url]);
    assert!(!well && errors.contains("there is no database"), "{errors}");
    assert!(!database.exists());
    let server = ServerProcess::start(&database);
    set_up(&server.address);
    assert!(server.terminate().success());
    let (_, said, errors) = doctor(&["--database-url", &url]);
    assert!(said.contains("1 in use"), "{said}{errors}");
}

/// The log of a server on a database, until it goes down.
fn log_of(database: &Path, zones: &Path) -> String {
    let log = database.with_extension("log");
    let file = fs::File::create(&log).expect("a file");
    let mut server = Command::new(HOLDFAST)
        .args(["serve", "--listen", "127.0.0.1:0", "--database-url"])
        .arg(format!("sqlite:{}", database.display()))
        .env("TZDIR", zones)
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .expect("the binary can be started");
    let compared = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::read_to_string(&log).is_ok_and(|text| text.contains("UTC+09:00"))
    });
    server.kill().expect("the server can be killed");
    server.wait().expect("the server can be reaped");
    let text = fs::read_to_string(&log).expect("the log");
    assert!(compared, "{text}");
    text
}

#[test]
fn the_log_at_start_warns_of_other_clocks() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    set_up(&server.address);
    assert!(server.terminate().success());
    let zones = other_clocks().expect("the system has zones");
    let log = log_of(&database, zones.path());
    assert!(log.contains("WARN") && log.contains("on this system"), "{log}");
    assert!(log.contains(chrono_tz::IANA_TZDB_VERSION), "{log}");
}
