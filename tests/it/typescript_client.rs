//! The examples of the client guide in TypeScript, compiled, checked and run with Node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::guide::{self, Examples};
use crate::support::process::{HOLDFAST, output_of, text, tool};

const EXAMPLES: Examples = Examples {
    language: "typescript",
    extension: "ts",
};
/// The directory of the contract.
const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

fn run(command: &mut Command) {
    let output = output_of(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{errors}", text(&output));
}

/// The packages that the examples need, installed once beside the other tools.
fn packages() -> PathBuf {
    let target = Path::new(HOLDFAST).ancestors().nth(2).expect("target/profile/holdfast");
    let tools = target.join("tools/node");
    fs::create_dir_all(&tools).expect("a directory");
    // One test installs at a time; the lock goes with the file.
    let lock = File::create(tools.join("lock")).expect("a file");
    lock.lock().expect("the lock");
    let wanted = fs::read_to_string(EXAMPLES.directory().join("package.json")).expect("the packages");
    let installed = tools.join("installed.json");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return tools;
    }
    fs::write(tools.join("package.json"), &wanted).expect("a file");
    run(tool("npm").current_dir(&tools).args([
        "install",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]));
    fs::write(&installed, &wanted).expect("a file");
    tools
}

/// Compiles the examples, beside the packages, so that Node finds them.
fn compiled(tools: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir_in(tools).expect("a directory");
    let mut compiler = tool("node");
    compiler.arg(tools.join("node_modules/typescript/bin/tsc"));
    compiler.args([
        "--module",
        "commonjs",
        "--target",
        "es2022",
        "--strict",
        "--skipLibCheck",
        "--outDir",
    ]);
    compiler.arg(directory.path());
    for example in EXAMPLES.files() {
        let to = directory.path().join(example.file_name().expect("a name"));
        fs::copy(&example, &to).expect("a copy");
        compiler.arg(to);
    }
    run(&mut compiler);
    directory
}

#[test]
fn the_examples_in_typescript_work_together() {
    let programs = compiled(&packages());
    guide::play(|name, arguments| {
        let mut command = tool("node");
        command.env("HOLDFAST_PROTO", PROTO);
        command.arg(programs.path().join(format!("{name}.js"))).args(arguments);
        command
    });
}

#[test]
fn the_client_guide_shows_the_examples_in_typescript_that_are_run() {
    EXAMPLES.assert_shown();
}
