//! docs/scale.md says what the model says: each table in it is printed anew and compared.
//! `SHARDWIRE_BLESS=1 cargo test --test scale` writes the tables into the document.

use std::path::Path;

use super::model::Load;
use super::{inputs, tables};

/// The text with the table that stands between a name's two marks, or after it where it is new.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let (start, end) = (format!("<!-- table {name} -->\n"), "<!-- end -->");
    let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("no table {name}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("table {name} has no end"));
    format!("{before}{start}{table}{end}{after}")
}

#[test]
fn the_tables_of_the_document_are_those_that_the_model_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale.md");
    let text = std::fs::read_to_string(&path).expect("docs/scale.md");
    let mut wanted = text.clone();
    for (name, table) in tables::all(&inputs::MEASURED) {
        wanted = with_table(&wanted, name, &table);
    }
    if std::env::var_os("SHARDWIRE_BLESS").is_some() {
        return std::fs::write(path, wanted).expect("written");
    }
    assert!(text == wanted, "docs/scale.md is not as blessed (SHARDWIRE_BLESS=1 rewrites it)");
}

/// More of anything never costs less, and nothing crosses the mesh of one shard.
#[test]
fn the_model_grows_with_what_it_is_given() {
    let inputs = &inputs::MEASURED;
    let load = tables::chat(64.0, 1.0);
    let total = |load: Load| load.cpu(inputs).total();
    assert!(total(Load { publishes_per_s: 2.0 * load.publishes_per_s, ..load }) > total(load));
    assert!(total(Load { members: 20.0, ..load }) > total(load));
    assert!(total(Load { gathered: 16.0, ..load }) < total(load));
    assert!(total(Load { together: true, ..load }) < total(load));
    assert!(total(Load { limited: true, ..load }) > total(load));
    let alone = Load { limited: true, ..tables::chat(1.0, 1.0) }.cpu(inputs);
    assert_eq!((alone.mesh, alone.limits), (0.0, 0.0));
    assert!((tables::chat(1.0, 1.0).spread() - 1.0).abs() < 1e-9);
}
