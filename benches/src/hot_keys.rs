//! Counts how often each partition key is written when many people sign in at the same time.
//! DynamoDB accepts a thousand writes a second for one key, however large the table is.

use std::collections::BTreeMap;

use crate::{failure::Failure, people::People};

/// The writes to one kind of key: how many keys were written, how often, and the busiest one.
struct Writes {
    keys: u32,
    writes: u32,
    most: u32,
}

/// Prints how often `count` sign-ups, and then as many sign-ins, write to each kind of key.
///
/// Each is by another person from another IP address. If all came within one second, these would be
/// the writes a second.
pub(crate) async fn print(people: &mut People, count: u32) -> Result<(), Failure> {
    people.take_written();
    people.grow(count).await?;
    println!("{}", table(&format!("{count} sign-ups a second"), people.take_written()));

    for _ in 0..count {
        people.sign_in().await?;
    }
    println!("{}", table(&format!("{count} sign-ins a second"), people.take_written()));
    Ok(())
}

/// A table in Markdown. The kind of a key is what stands before its `#`.
fn table(heading: &str, written: Vec<String>) -> String {
    let mut by_key: BTreeMap<String, u32> = BTreeMap::new();
    for key in written {
        *by_key.entry(key).or_default() += 1;
    }

    let mut by_kind: BTreeMap<String, Writes> = BTreeMap::new();
    for (key, count) in by_key {
        let kind = key.split_once('#').map_or(key.as_str(), |(kind, _)| kind).to_owned();
        let writes = by_kind.entry(kind).or_insert(Writes { keys: 0, writes: 0, most: 0 });
        writes.keys += 1;
        writes.writes += count;
        writes.most = writes.most.max(count);
    }

    let mut text = format!(
        "\n{heading}\n\n| keys | of them | writes | most to one key |\n|---|---:|---:|---:|\n"
    );
    for (kind, Writes { keys, writes, most }) in by_kind {
        text.push_str(&format!("| {kind} | {keys} | {writes} | {most} |\n"));
    }

    text
}
