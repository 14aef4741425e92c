//! Prints what a load costs on so many shards: the tables of docs/scale.md.
//!
//! ```text
//! cargo run --example scale                    all tables, as they stand in the document
//! SHARDWIRE_BLESS=1 cargo test --test scale    writes them there
//! ```
//!
//! `inputs` holds the measured figures, `model` what follows from them, `tables` the tables.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod inputs;
mod model;
mod tables;

fn main() {
    for (name, table) in tables::all(&inputs::MEASURED) {
        println!("{name}\n\n{table}");
    }
}
