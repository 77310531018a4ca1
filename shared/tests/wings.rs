//! Which code in `shared/` may use which: the order of wings in `lib.rs`, and names that only some
//! files may use.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A source file without comments and tests.
struct Source {
    /// Its path below the folder that was searched.
    file: String,
    /// The wing that it belongs to.
    wing: String,
    code: String,
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The wings in the order of `lib.rs`.
fn wings() -> Vec<String> {
    let lib = fs::read_to_string(src().join("lib.rs")).unwrap();
    let wings: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(wings.len() > 20, "{wings:?}");
    wings.into_iter().map(str::to_owned).collect()
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&src(), &src(), &mut sources);
    assert!(sources.len() > 80, "{}", sources.len());
    sources
}

/// The Rust files in a folder, by their paths below `root`.
fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            let wing = file.split(['/', '.']).next().unwrap().to_owned();
            let code = without_comments_and_tests(&fs::read_to_string(&path).unwrap());
            sources.push(Source { file, wing, code });
        }
    }
}

/// The code of a file without comments and without its tests, which come last.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines =
        code.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name after each `crate::`. If a group in braces follows, all its first names.
fn crate_paths(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(names_of_group(group)),
            None => names.push(name(after)),
        }
    }
    names
}

/// The first name of each path in a group, up to its closing brace.
fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The name at the start of a path.
fn name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Whether the code contains a name as a whole word.
fn names_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|it| it == word)
}

/// Whether a file may use DynamoDB: it is in the wing `table`, or it is the `table` file or folder
/// of another wing.
fn is_table(source: &Source) -> bool {
    source.file.split('/').any(|part| part == "table" || part == "table.rs")
}

#[test]
fn a_wing_uses_only_the_wings_before_it() {
    let wings = wings();
    let place = |name: &str| wings.iter().position(|wing| wing == name);
    let mut violations = Vec::new();

    for Source { file, wing, code } in
        sources().into_iter().filter(|source| source.file != "lib.rs")
    {
        let own = place(&wing).unwrap_or_else(|| panic!("{file} is in no wing of lib.rs"));
        for used in crate_paths(&code) {
            let used_at = place(&used)
                .unwrap_or_else(|| panic!("{file} uses crate::{used}, which is no wing"));
            if used_at > own {
                violations.push(format!("{file} uses {used}, which comes after {wing} in lib.rs"));
            }
        }
    }

    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn only_table_files_use_dynamodb() {
    for source in sources().iter().filter(|source| !is_table(source)) {
        assert!(
            !names_word(&source.code, "aws_sdk_dynamodb"),
            "{} names aws_sdk_dynamodb",
            source.file
        );
    }
}

#[test]
fn only_http_uses_axum() {
    for source in sources().iter().filter(|source| source.wing != "http") {
        assert!(!names_word(&source.code, "axum"), "{} names axum", source.file);
    }
}

#[test]
fn only_settings_latchkey_and_http_use_the_settings_of_all_wings() {
    let allowed = ["settings", "latchkey", "http"];
    for source in sources().iter().filter(|source| !allowed.contains(&source.wing.as_str())) {
        assert!(!names_word(&source.code, "Settings"), "{} names Settings", source.file);
    }
}

#[test]
fn handlers_never_use_the_table_directly() {
    let functions = src().join("../../functions");
    let mut sources = Vec::new();
    collect(&functions, &functions, &mut sources);
    assert!(sources.len() > 120, "{}", sources.len());
    let tests = ["promises/", "testing/", "tests/"];
    for source in sources {
        let is_test = tests.iter().any(|folder| source.file.starts_with(folder))
            || source.file.contains("tests");
        let names_table = source.code.contains("table::") || source.code.contains(".store()");
        assert!(is_test || !names_table, "{} uses the table directly", source.file);
    }
}

#[test]
fn the_table_in_architecture_md_has_every_wing_in_this_order() {
    let map = fs::read_to_string(src().join("../../ARCHITECTURE.md")).unwrap();
    let rows =
        map.lines().filter_map(|line| line.strip_prefix("| `shared/src/")?.split('`').next());
    let named: Vec<_> =
        rows.map(|row| row.trim_end_matches('/').trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(named[1..], wings());
}

#[test]
fn every_path_in_a_group_is_found() {
    let code = "use crate::{\n    base::{Error, Random},\n    table::Store,\n};\nfn f() { crate::users::table::x() }";
    assert_eq!(crate_paths(code), ["base", "table", "users"]);
}
