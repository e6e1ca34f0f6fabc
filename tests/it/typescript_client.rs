//! The examples of the client guide in TypeScript, compiled, checked and run with Node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::grpcurl::{call, set_up};
use crate::support::process::{Following, HOLDFAST, ServerProcess, output_of, text, tool};

/// The directory of the examples.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/typescript");
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
    let wanted = fs::read_to_string(format!("{EXAMPLES}/package.json")).expect("the packages");
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
    for example in examples() {
        let to = directory.path().join(example.file_name().expect("a name"));
        fs::copy(&example, &to).expect("a copy");
        compiler.arg(to);
    }
    run(&mut compiler);
    directory
}

fn examples() -> Vec<PathBuf> {
    let files = fs::read_dir(EXAMPLES).expect("the examples");
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ts"))
        .collect()
}

#[test]
fn the_examples_in_typescript_work_together() {
    let programs = compiled(&packages());
    let example = |name: &str, arguments: &[&str]| {
        let mut command = tool("node");
        command.env("HOLDFAST_PROTO", PROTO);
        command.arg(programs.path().join(name)).args(arguments);
        command
    };
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    let address = server.address.clone();
    set_up(&address);
    let token_file = directory.path().join("token");
    let token_file = token_file.to_str().expect("a path");
    let warehouse = Following::start(&mut example("warehouse.js", &[&address, "W1", token_file]));
    let order = |id: &str| text(&output_of(&mut example("checkout.js", &[&address, "W1", id, "A", "2"])));
    let placed = order("O1");
    assert!(placed.starts_with("O1 ships on 20"), "{placed}");
    assert!(order("O1").contains("it was placed before"));
    warehouse.line_with("ship O1: 2 x A");
    server.kill();
    let server = ServerProcess::start_at(&database, &address);
    order("O2");
    warehouse.line_with("ship O2: 2 x A");
    // The token of the release is kept once it was acknowledged.
    let acknowledged =
        || call(&address, "CheckoutService/GetOrder", r#"{"order_id": "O2"}"#).contains("acknowledgeTime");
    assert!((0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        acknowledged()
    }));
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(warehouse);
    // It goes on with the token that it kept.
    call(&address, "CheckoutService/CancelOrder", r#"{"order_id": "O2"}"#);
    let warehouse = Following::start(&mut example("warehouse.js", &[&address, "W1", token_file]));
    assert_eq!(warehouse.line_with("O2"), "stop O2");
    let refused = output_of(&mut example("checkout.js", &[&address, "W1", "O3", "NOTHING", "1"]));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && errors.contains("O3 is refused: UNKNOWN_SKU"),
        "{errors}"
    );
    assert!(server.terminate().success());
}

#[test]
fn the_client_guide_shows_the_examples_in_typescript_that_are_run() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLIENTS.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let mut shown: Vec<_> = guide
        .split("```typescript\n")
        .skip(1)
        .filter_map(|rest| rest.split("```\n").next())
        .collect();
    let mut examples: Vec<_> = examples()
        .iter()
        .map(|path| fs::read_to_string(path).expect("an example"))
        .collect();
    shown.sort_unstable();
    examples.sort_unstable();
    assert_eq!(shown, examples);
}
