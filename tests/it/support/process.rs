//! The real binary and the tools of other people, as processes that are always reaped.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The binary under test.
pub(crate) const HOLDFAST: &str = env!("CARGO_BIN_EXE_holdfast");

/// What `holdfast serve` says before its address.
const LISTENING: &str = "holdfast is listening on ";

/// `holdfast serve`, killed and reaped when it is dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    /// Where it listens, such as `127.0.0.1:4711`.
    pub(crate) address: String,
    child: Child,
    /// Kept open, so that what the server prints has a reader.
    _stdout: BufReader<ChildStdout>,
}

impl ServerProcess {
    /// Starts it on a database, on a free port, and waits until it listens.
    pub(crate) fn start(database: &Path) -> Self {
        Self::start_at(database, "127.0.0.1:0")
    }

    /// Starts it on a database, where it is told to listen, and waits until it does.
    pub(crate) fn start_at(database: &Path, listen: &str) -> Self {
        let directory = database.parent().expect("the database is in a directory");
        Self::start_on(&format!("sqlite:{}", database.display()), directory, listen)
    }

    /// Starts it on the database of a URL, in a directory, where it is told to listen, and waits until it does.
    pub(crate) fn start_on(url: &str, directory: &Path, listen: &str) -> Self {
        Self::started(&mut Self::serve(url, directory, listen))
    }

    /// Starts it on a database, on a free port, with nobody to read its logs.
    pub(crate) fn start_unread(database: &Path) -> Self {
        let directory = database.parent().expect("the database is in a directory");
        let url = format!("sqlite:{}", database.display());
        let (logs, unread) = std::io::pipe().expect("a pipe");
        drop(logs);
        Self::started(Self::serve(&url, directory, "127.0.0.1:0").stderr(unread))
    }

    fn serve(url: &str, directory: &Path, listen: &str) -> Command {
        let mut serve = Command::new(HOLDFAST);
        serve
            .args(["serve", "--listen", listen])
            .env("HOLDFAST_DATABASE_URL", url)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        serve
    }

    fn started(serve: &mut Command) -> Self {
        let mut child = serve.spawn().expect("the binary can be started");
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let address = address(&mut stdout);
        Self {
            address: address.unwrap_or_else(|| {
                drop(child.kill());
                panic!("the server ended before it listened: {:?}", child.wait())
            }),
            child,
            _stdout: stdout,
        }
    }

    /// Kills it at once (SIGKILL), as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server can be reaped");
    }

    /// Asks it to go down (SIGTERM), and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.expect("kill can be run").success(), "the server is gone already");
        self.child.wait().expect("the server can be reaped")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail when it has ended and been reaped, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How long a line is waited for.
const LINE_WAIT: Duration = Duration::from_secs(30);

/// A process whose lines are waited for.
pub(crate) struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let (shown, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(shown.send(line));
            }
        });
        Self { child, lines }
    }

    /// The next line.
    pub(crate) fn line(&self) -> Option<String> {
        self.lines.recv_timeout(LINE_WAIT).ok()
    }

    /// The next line that holds a text.
    pub(crate) fn line_with(&self, wanted: &str) -> String {
        let mut shown = Vec::new();
        loop {
            let line = self.line();
            let line = line.unwrap_or_else(|| panic!("{wanted:?} is not shown, but {shown:#?}"));
            if line.contains(wanted) {
                return line;
            }
            shown.push(line);
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The address in the first line that names one; `None` if the output ends before.
fn address(stdout: &mut impl BufRead) -> Option<String> {
    for line in stdout.lines() {
        let line = line.expect("the server prints text");
        if let Some((_, rest)) = line.split_once(LISTENING) {
            return rest.split([',', ' ']).next().map(str::to_owned);
        }
    }
    None
}

/// A tool that `scripts/test` installs: found on the path, or where it was installed before.
pub(crate) fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", path_with_tools());
    command
}

/// Runs a command to its end and answers with what it printed.
pub(crate) fn output_of(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): scripts/test installs what tests need"))
}

/// Standard output as text.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn path_with_tools() -> OsString {
    let target = Path::new(HOLDFAST).ancestors().nth(2).expect("target/profile/holdfast");
    let mut directories = vec![target.join("tools/venv/bin")];
    let path = env::var_os("PATH").unwrap_or_default();
    directories.extend(env::split_paths(&path));
    env::join_paths(directories).expect("no directory on the path holds a colon")
}
