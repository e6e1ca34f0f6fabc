//! Importing CSV files with the real binary, into both databases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast::domain::catalog::Item;
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use holdfast::store::{InboundFilter, Page, Store};
use tempfile::TempDir;

use crate::support::postgres::{self, Postgres};
use crate::support::process::{HOLDFAST, ServerProcess, output_of, text};
use crate::support::{grpcurl::set_up, shop::W1};

/// A directory with files, and a database that has the location `W1` with nine units of `A`.
struct Place {
    directory: TempDir,
    url: String,
}

/// What a command printed, and whether it went well.
struct Printed {
    well: bool,
    out: String,
    errors: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("holdfast.db");
        let server = ServerProcess::start(&database);
        set_up(&server.address);
        assert!(server.terminate().success());
        let url = format!("sqlite:{}", database.display());
        Self { directory, url }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    fn import(&self, files: &[(&str, &Path)], more: &[&str]) -> Printed {
        import(&self.url, files, more)
    }

    async fn items(&self) -> Vec<Item> {
        let store = self.store();
        let page = Page {
            after: None,
            limit: 100,
        };
        let items = store.list_items(page).await.expect("rows can be read");
        store.close().await;
        items
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&SqliteOptions::new(self.directory.path().join("holdfast.db"))).expect("a store")
    }

    /// Events of the location: what is booked twice has two.
    async fn events(&self) -> i64 {
        let store = self.store();
        let logs = store.logs().await.expect("rows can be read");
        store.close().await;
        logs[0].last.0
    }
}

fn import(url: &str, files: &[(&str, &Path)], more: &[&str]) -> Printed {
    let mut command = Command::new(HOLDFAST);
    command.args(["import", "--database-url", url]).args(more);
    for (flag, path) in files {
        command.arg(flag).arg(path);
    }
    let output = output_of(&mut command);
    Printed {
        well: output.status.success(),
        out: text(&output),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const AT_W1: [&str; 2] = ["--location", W1];

#[tokio::test]
async fn files_are_imported_once_however_often_it_is_asked() {
    let place = Place::new();
    let items = "\u{feff}sku,display_name,backorderable,lead_time_days,max_backlog,safety_stock\r\n\
                 B,\"Boots, brown\",false,,,2\r\n\
                 C,,true,14,100,\r\n";
    let items = place.file("items.csv", items);
    let stock = place.file("stock.csv", "quantity,sku\n5,B\n0,C\n7,C\n7,C\n");
    let inbounds =
        "sku,quantity,expected_date,inbound_id\nB,10,2027-03-01,PO-1\nC,20,2027-03-01,PO-1\nC,1,2027-04-01,\n";
    let inbounds = place.file("inbounds.csv", inbounds);
    let files = [
        ("--items", items.as_path()),
        ("--stock", stock.as_path()),
        ("--inbounds", inbounds.as_path()),
    ];
    let first = place.import(&files, &AT_W1);
    assert!(first.well, "{}", first.errors);
    assert!(
        first
            .out
            .contains("items.csv: 2 rows, 2 items imported, 0 there before"),
        "{}",
        first.out
    );
    assert!(
        first
            .out
            .contains("stock.csv: 4 rows, 3 receipts imported, 0 there before"),
        "{}",
        first.out
    );
    assert!(
        first
            .out
            .contains("inbounds.csv: 3 rows, 2 inbounds imported, 0 there before"),
        "{}",
        first.out
    );
    let events = place.events().await;
    let again = place.import(&files, &AT_W1);
    assert!(again.well, "{}", again.errors);
    assert!(again.out.contains("0 items imported, 2 there before"), "{}", again.out);
    assert!(
        again.out.contains("0 receipts imported, 3 there before"),
        "{}",
        again.out
    );
    assert!(
        again.out.contains("0 inbounds imported, 2 there before"),
        "{}",
        again.out
    );
    assert_eq!(place.events().await, events);

    check_what_is_stored(&place).await;
}

async fn check_what_is_stored(place: &Place) {
    let stored = place.items().await;
    let boots = stored.iter().find(|item| item.sku.as_str() == "B").expect("B");
    assert_eq!(
        (boots.display_name.as_str(), boots.backorderable),
        ("Boots, brown", false)
    );
    assert_eq!((boots.lead_time_days, boots.max_backlog), (None, None));
    assert_eq!(boots.safety_stock.get(), 2);
    let other = stored.iter().find(|item| item.sku.as_str() == "C").expect("C");
    assert_eq!((other.lead_time_days, other.backorderable), (Some(14), true));
    let store = place.store();
    let filter = InboundFilter {
        location_id: holdfast::domain::ids::LocationId::parse(W1).expect("an id"),
        sku: None,
        state: None,
    };
    let listed = store.list_inbounds(&filter, Page { after: None, limit: 10 }).await;
    let listed = listed.expect("rows can be read");
    let given = listed.iter().find(|inbound| inbound.inbound_id.as_str() == "PO-1");
    assert_eq!(given.expect("the inbound that was named").lines.len(), 2);
    store.close().await;
}

#[tokio::test]
async fn every_bad_row_is_named_and_nothing_is_imported() {
    let place = Place::new();
    let items = place.file("items.csv", "sku\r\nB\r\n");
    let stock = "sku,quantity\r\nA,1\r\nA,many\r\n\r\nA,1,2\r\n,4\r\nA,-3\r\nA,2000000\r\n";
    let stock = place.file("stock.csv", stock);
    let inbounds = "sku,quantity,expected_date,inbound_id\nA,1,tomorrow,P\nA,1,2027-01-01,Q\nA,1,2027-01-02,Q\n\
                    A,1,2027-01-01,S\nA,2,2027-01-01,S\nA,1,2027-01-01,Q\n";
    let inbounds = place.file("inbounds.csv", inbounds);
    let files = [
        ("--items", items.as_path()),
        ("--stock", stock.as_path()),
        ("--inbounds", inbounds.as_path()),
    ];
    let events = place.events().await;
    let refused = place.import(&files, &AT_W1);
    assert!(!refused.well);
    for expected in [
        "stock.csv line 3: quantity is \"many\"",
        "stock.csv line 5: row has 3 fields, the header has 2",
        "stock.csv line 6: sku must not be empty",
        "stock.csv line 7: quantity ",
        "stock.csv line 8: quantity ",
        "inbounds.csv line 2: expected_date is \"tomorrow\"",
        "inbounds.csv line 4: expected_date differs",
        "inbounds.csv line 6: sku stands on an earlier line",
        "inbounds.csv line 7: inbound_id stands on an earlier line",
        "9 faults, and nothing was imported",
    ] {
        assert!(refused.errors.contains(expected), "{expected}: {}", refused.errors);
    }
    assert_eq!((place.items().await.len(), place.events().await), (1, events));

    let partial = place.import(&files, &["--location", W1, "--partial"]);
    assert!(partial.well, "{}", partial.errors);
    assert!(partial.out.contains("1 receipts imported"), "{}", partial.out);
    assert!(partial.out.contains("0 inbounds imported"), "{}", partial.out);
    assert_eq!((place.items().await.len(), place.events().await), (2, events + 1));
}

#[tokio::test]
async fn a_row_that_the_rules_refuse_keeps_its_whole_file_out() {
    let place = Place::new();
    let stock = place.file("stock.csv", "sku,quantity,receipt_id\nA,1,X\nA,2,X\nnone,1,Y\n");
    let events = place.events().await;
    let refused = place.import(&[("--stock", &stock)], &AT_W1);
    assert!(
        !refused.well && refused.errors.contains("stock.csv line 4: sku is refused: "),
        "{}",
        refused.errors
    );
    assert!(
        refused.errors.contains("nothing of it was imported"),
        "{}",
        refused.errors
    );
    assert_eq!(place.events().await, events);
    let partial = place.import(&[("--stock", &stock)], &["--location", W1, "--partial"]);
    assert!(
        partial.out.contains("1 receipts imported, 0 there before, 1 refused"),
        "{}",
        partial.out
    );
    assert_eq!(place.events().await, events + 1);
    // The same id with other content is refused, whatever the file.
    let stock = place.file("stock2.csv", "sku,quantity,receipt_id\nA,5,X\n");
    let refused = place.import(&[("--stock", &stock)], &AT_W1);
    assert!(
        refused.errors.contains("line 2: receipt_id is refused: "),
        "{}",
        refused.errors
    );
}

#[test]
fn files_that_cannot_be_read_are_refused_with_a_reason() {
    let place = Place::new();
    let semicolons = place.file("items.csv", "sku;display_name\nA;B\n");
    let refused = place.import(&[("--items", &semicolons)], &[]);
    assert!(
        refused.errors.contains("fields are separated by commas"),
        "{}",
        refused.errors
    );
    let lacking = place.file("stock.csv", "sku\nA\n");
    let refused = place.import(&[("--stock", &lacking)], &AT_W1);
    assert!(
        refused.errors.contains("lacks the column quantity"),
        "{}",
        refused.errors
    );
    let stock = place.file("stock.csv", "sku,quantity\nA,1\n");
    let refused = place.import(&[("--stock", &stock)], &["--location", "nowhere"]);
    assert!(
        refused.errors.contains("there is no location \"nowhere\""),
        "{}",
        refused.errors
    );
    let refused = place.import(&[("--stock", &stock)], &[]);
    assert!(
        !refused.well && refused.errors.contains("--location"),
        "{}",
        refused.errors
    );
    let path = place.directory.path().join("bytes.csv");
    fs::write(&path, b"sku,display_name\nB,\xff\n").expect("a file");
    let refused = place.import(&[("--items", &path)], &[]);
    assert!(
        refused.errors.contains("line 2: display_name is not UTF-8"),
        "{}",
        refused.errors
    );
    let refused = place.import(&[("--items", &place.directory.path().join("none.csv"))], &[]);
    assert!(
        !refused.well && refused.errors.contains("none.csv"),
        "{}",
        refused.errors
    );
}

#[tokio::test]
async fn items_are_imported_into_postgresql_in_more_than_one_round() {
    let database = Postgres::database();
    postgres::open(&database).await.close().await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("items.csv");
    let rows: Vec<_> = (0..3_000).map(|number| format!("S{number:05}")).collect();
    fs::write(&path, format!("sku\n{}\n", rows.join("\n"))).expect("a file");
    let url = database.url().to_owned();
    let printed = tokio::task::spawn_blocking(move || import(&url, &[("--items", &path)], &[]));
    let printed = printed.await.expect("a result");
    assert!(
        printed.well && printed.out.contains("3000 items imported"),
        "{}",
        printed.errors
    );
    let store = postgres::open(&database).await;
    let page = Page {
        after: None,
        limit: 5_000,
    };
    assert_eq!(store.list_items(page).await.expect("rows can be read").len(), 3_000);
    store.close().await;
}
