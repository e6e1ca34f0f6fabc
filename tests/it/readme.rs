//! The sessions of the README and of the operators' manual are run call by call, by the tool that they name, and must answer
//! as they are printed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Deserializer, Value};

use crate::support::process::{Following, HOLDFAST, ServerProcess, output_of, text, tool};

/// The address in the README; the test's server listens elsewhere.
const ADDRESS: &str = "localhost:50051";
/// Begins a warehouse's terminal.
const FOLLOW: &str = "holdfast warehouse ";
/// Stands for a value that differs from run to run.
const ANYTHING: &str = "...";

/// One call of the README, and the answer printed below it; or what a terminal shows.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    answer: String,
}

/// The calls in the fenced blocks of type `console`. An open quote or a `\` at its end goes on on the next line. Blocks of
/// type `terminal` are steps without a call, or with the one that begins the terminal.
fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if line.starts_with("```") {
            inside = matches!(line, "```console" | "```terminal");
            if line == "```terminal" {
                steps.push(Step {
                    command: String::new(),
                    answer: String::new(),
                });
            }
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step {
                command: format!("{command}\n"),
                answer: String::new(),
            });
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            let goes_on = is_unfinished(&step.command);
            let part = if goes_on { &mut step.command } else { &mut step.answer };
            part.push_str(line);
            part.push('\n');
        }
    }
    // The step of a block whose first line is a command is another one.
    steps.retain(|step| {
        let is_shown = step.command.is_empty() && !step.answer.is_empty();
        is_shown || step.command.starts_with("grpcurl ") || step.command.starts_with(FOLLOW)
    });
    steps
}

fn is_unfinished(command: &str) -> bool {
    command.ends_with("\\\n") || command.matches('\'').count() % 2 == 1
}

/// Whether an answer holds all that is documented.
fn holds(answer: &Value, documented: &Value) -> bool {
    match (answer, documented) {
        (_, Value::String(text)) if text == ANYTHING => true,
        (Value::String(found), Value::String(text)) => fits(found, text),
        (Value::Object(answer), Value::Object(documented)) => documented
            .iter()
            .all(|(name, value)| answer.get(name).is_some_and(|found| holds(found, value))),
        (Value::Array(answer), Value::Array(documented)) => {
            answer.len() == documented.len() && answer.iter().zip(documented).all(|(found, value)| holds(found, value))
        }
        _ => answer == documented,
    }
}

/// Whether a text is what is documented, in which `...` stands for anything.
fn fits(found: &str, documented: &str) -> bool {
    match documented.split_once(ANYTHING) {
        Some((head, tail)) => found.starts_with(head) && found.ends_with(tail),
        None => found == documented,
    }
}

/// The JSON values that stand one after the other in a text.
fn values(text: &str) -> Vec<Value> {
    let values = Deserializer::from_str(text).into_iter::<Value>();
    values
        .map(|value| value.unwrap_or_else(|error| panic!("no JSON ({error}): {text}")))
        .collect()
}

#[test]
fn every_call_of_the_readme_answers_as_it_is_printed() {
    run_session("README.md", 8);
}

#[test]
fn every_call_of_the_support_session_answers_as_it_is_printed() {
    run_session("docs/OPERATIONS.md", 11);
}

/// Runs the session of a document, of at least so many calls, on a server of its own.
fn run_session(document: &str, calls_min: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let steps = steps(&fs::read_to_string(path).expect("a document"));
    assert!(
        steps.len() >= calls_min,
        "the session of {document} has only {} calls",
        steps.len()
    );
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    let mut terminal = None;
    for step in steps {
        if step.command.starts_with(FOLLOW) {
            terminal = Some(begin(&step.command, &server.address));
        }
        if !step.command.starts_with("grpcurl ") {
            let terminal = terminal.as_ref().expect("a terminal was begun");
            expect_shown(terminal, &step.answer.replace(ADDRESS, &server.address));
            continue;
        }
        assert!(step.command.contains(ADDRESS), "no {ADDRESS} in {}", step.command);
        let command = step.command.replace(ADDRESS, &server.address);
        let output = output_of(tool("sh").args(["-c", &command]));
        let printed = text(&output);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}{printed}{errors}");
        if values(&step.answer).is_empty() {
            continue;
        }
        let (answers, documented) = (values(&printed), values(&step.answer));
        let is_held = documented
            .iter()
            .all(|value| answers.iter().any(|answer| holds(answer, value)));
        assert!(
            is_held,
            "{command}\nis documented as\n{}\nand answers\n{printed}",
            step.answer
        );
    }
}

/// Begins the terminal of the reference client.
fn begin(command: &str, address: &str) -> Following {
    let endpoint = format!("http://{address}");
    let arguments = command.split_whitespace().skip(1);
    Following::start(Command::new(HOLDFAST).args(arguments).args(["--endpoint", &endpoint]))
}

/// Waits for the next lines of a terminal; `...` stands for anything within one.
fn expect_shown(terminal: &Following, documented: &str) {
    for line in documented.lines() {
        let shown = terminal.line();
        let shown = shown.unwrap_or_else(|| panic!("the terminal does not show {line:?}"));
        assert!(fits(&shown, line), "documented is {line:?}, shown {shown:?}");
    }
}

#[test]
fn calls_and_answers_are_told_apart() {
    let document = concat!(
        "```console\n$ holdfast serve\nlistening\n$ grpcurl -d '{\n  1}' \\\n  x\n{}\n```\n",
        "{}\n```json\n{}\n```\n```console\n$ grpcurl y\n```\n",
    );
    let step = |command: &str, answer: &str| Step {
        command: command.to_owned(),
        answer: answer.to_owned(),
    };
    let expected = [step("grpcurl -d '{\n  1}' \\\n  x\n", "{}\n"), step("grpcurl y\n", "")];
    assert_eq!(steps(document), expected);
}

#[test]
fn an_answer_may_hold_more_than_is_documented_but_not_less() {
    let value = |text: &str| values(text).remove(0);
    let answer = value(r#"{"order": {"state": "WAITING", "lines": [{"sku": "A"}], "placedTime": "x"}}"#);
    assert!(holds(
        &answer,
        &value(r#"{"order": {"lines": [{"sku": "A"}], "placedTime": "..."}}"#)
    ));
    assert!(fits("ready on Monday.", "ready on ..."), "the head is enough");
    assert!(!fits("ready on Monday.", "ready on ...day"), "the tail counts too");
    let missing = [
        r#"{"order": {"shipTime": "..."}}"#,
        r#"{"order": {"state": "RELEASED"}}"#,
        r#"{"order": {"lines": []}}"#,
        r#"{"order": {"lines": [{"sku": "B"}]}}"#,
    ];
    for documented in missing {
        assert!(!holds(&answer, &value(documented)), "{documented}");
    }
}
