//! docs/FAULTS.md against the tests: each fault has a test that provokes it, and each test that the
//! page names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All tests, as the page has them: `binary::module::name` of those below tests/, and
/// `src::module::name` of those beside the code.
fn tests() -> BTreeSet<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for binary in ["pure", "cli", "kernel", "queue", "injection", "shipped"] {
        tests_below(&top.join("tests").join(binary), binary, &mut tests);
    }
    tests_below(&top.join("src"), "src", &mut tests);
    tests
}

fn tests_below(folder: &Path, prefix: &str, to: &mut BTreeSet<String>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            tests_below(&path, &format!("{prefix}::{stem}"), to);
            continue;
        }
        let module = match stem {
            "main" | "mod" => prefix.to_string(),
            stem => format!("{prefix}::{stem}"),
        };
        let source = fs::read_to_string(&path).unwrap();
        for behind in source.split("#[test]\n").skip(1) {
            // Other attributes may stand in between.
            let name = behind.split_once("fn ").unwrap().1.split('(').next().unwrap();
            to.insert(format!("{module}::{name}"));
        }
    }
}

/// The rows of the page's tables: the fault, what is promised, the tests.
fn rows() -> Vec<[String; 3]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FAULTS.md");
    let page = fs::read_to_string(path).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    rows.filter(|line| !line.starts_with("| Fault ") && !line.starts_with("| ---"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            cells.try_into().map(|cells: [&str; 3]| cells.map(str::to_string)).expect(line)
        })
        .collect()
}

#[test]
fn each_fault_on_the_page_has_tests_and_all_of_them_exist() {
    let tests = tests();
    let rows = rows();
    assert!(rows.len() >= 60 && tests.len() > 300, "{} rows, {} tests", rows.len(), tests.len());
    for [fault, promise, shown_by] in &rows {
        assert!(!fault.is_empty() && !promise.is_empty());
        let named: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{fault}: no test");
        for test in named {
            assert!(tests.contains(test), "{fault}: there is no test {test}");
        }
    }
}

#[test]
fn each_test_that_provokes_a_fault_is_on_the_page() {
    let page: String = rows().into_iter().map(|[_, _, shown_by]| shown_by).collect();
    for test in tests() {
        if test.contains("::faults_") || test.contains("::security::") {
            assert!(page.contains(&format!("`{test}`")), "{test} is not on the page");
        }
    }
}
