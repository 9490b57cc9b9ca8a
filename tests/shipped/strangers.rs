//! The script that reports what would load of a folder of other programs' files. A person judges
//! its report, so it must show each file, with what decides.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use kit::harmless::assert_harmless;
use kit::*;
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers.py");

/// Reports on a folder.
fn strangers(binary: &str, folder: &Path, options: &[&str]) -> Ran {
    run(Command::new("python3").arg(SCRIPT).args(["--binary", binary]).args(options).arg(folder))
}

/// A list, a page, and prose in which one line is an address.
fn three_files() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("feeds")).unwrap();
    folder.file("feeds/plain.txt", "192.0.2.1\n\n2001:db8::/32 # \x1b[31mred\nnonsense\n");
    folder.file("page.html", "<html>\n<body>192.0.2.9</body>\n</html>\n");
    folder.file("prose.txt", "Once there was\n192.0.2.7\nand it was\nvery lonely\n");
    symlink("page.html", folder.path().join("link.html")).unwrap();
    folder
}

/// A program that answers instead of netfilterd.
fn executable(place: &Folder, script: &str) -> String {
    let path = place.file("netfilterd", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn found<'a>(report: &'a Value, file: &str) -> &'a Value {
    let mut files = report.as_array().unwrap().iter();
    files.find(|found| found["file"] == file).unwrap_or_else(|| panic!("no {file} in {report}"))
}

#[test]
#[ignore = "needs python3"]
fn each_file_of_a_folder_is_reported_with_what_becomes_of_it() {
    needs(&["python3"]);
    let folder = three_files();
    let ran = strangers(program(), folder.path(), &["--json", "--jobs", "2"]);
    ran.expect(0, &[]);
    let report = ran.json();
    assert_eq!(report.as_array().unwrap().len(), 3, "a link is no file of its own: {report}");
    let list = found(&report, "feeds/plain.txt");
    assert_eq!(list["outcome"], "loads");
    assert_eq!((&list["entries"], &list["rejected"]), (&json!(2), &json!(1)));
    assert_eq!((&list["format"], &list["ranges"]), (&json!("plain"), &json!(2)));
    let ranges = ["192.0.2.1-192.0.2.1", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"];
    assert_eq!(list["first ranges"], json!(ranges));
    let lines = json!(["192.0.2.1", "2001:db8::/32 # \\x1b[31mred", "nonsense"]);
    assert_eq!(list["first lines"], lines);
    let page = found(&report, "page.html");
    assert_eq!(page["outcome"], "refuses");
    assert_eq!(page.get("ranges"), None);
    assert_names(&page["messages"].to_string(), &["error: FILE"]);
    assert_ne!(found(&report, "prose.txt")["outcome"], "loads");
}

#[test]
#[ignore = "needs python3"]
fn the_report_shows_in_full_what_loads_and_only_that_if_asked() {
    needs(&["python3"]);
    let folder = three_files();
    let all = strangers(program(), folder.path(), &[]).stdout();
    assert_names(&all, &["# loads: 1 file", "# refuses: ", "  page.html\n", "  feeds/plain.txt: "]);
    assert_harmless(&all);
    let loads = strangers(program(), folder.path(), &["--only", "loads"]).stdout();
    assert_line_names(&loads, &["feeds/plain.txt: entries: 2, rejected: 1, ", "ranges: 2"]);
    assert_names(&loads, &["line  | nonsense", "range | 192.0.2.1-192.0.2.1"]);
    assert!(!loads.contains("page.html"), "{loads}");
    let refuses = strangers(program(), folder.path(), &["--only", "refuses"]).stdout();
    assert!(refuses.contains("page.html") && !refuses.contains("plain.txt"), "{refuses}");
}

#[test]
#[ignore = "needs python3"]
fn the_format_and_the_sets_that_were_taken_group_the_files() {
    needs(&["python3"]);
    let folder = three_files();
    let place = Folder::new();
    // Answers as a program does that describes each list in JSON, crashes on the page, and hangs on
    // the prose.
    let answers = "#!/bin/sh\n\
        case \"$*\" in\n\
        'check --help') echo '  --json';;\n\
        *page.html*) kill -SEGV $$;;\n\
        *prose.txt*) exec sleep 60;;\n\
        check*) echo '{\"lists\": [{\"name\": \"x\", \"entries\": 7, \"rejected\": 1,\n\
            \"format\": \"ipset save\", \"sets\": [\"bad\"], \"exceptions\": [\"192.0.2.3\"]}]}';;\n\
        print*) echo 192.0.2.1-192.0.2.2;;\n\
        esac\n";
    let binary = executable(&place, answers);
    let text = strangers(&binary, folder.path(), &["--timeout", "1"]).stdout();
    assert_names(&text, &["## loads: ipset save set bad: 1 file", "# crashes: 1 file"]);
    assert_names(
        &text,
        &["# times out: 1 file", "entries: 7, rejected: 1, exceptions: 1, ranges: 1"],
    );
}

#[test]
#[ignore = "needs python3"]
fn the_format_the_sets_and_the_exceptions_are_read_from_the_text_of_check() {
    needs(&["python3"]);
    let folder = Folder::new();
    let list = folder.file("list", "add bad 192.0.2.1\n");
    let place = Folder::new();
    let answers = "#!/bin/sh\n\
        case \"$*\" in\n\
        print*) echo 192.0.2.1-192.0.2.1;;\n\
        check\\ --state*) for path; do :; done\n\
            echo \"$path: ipset save, sets bad, worse: 1,151 entries, 1 line rejected, \\\n\
2 exceptions taken out, 3 s old\";;\n\
        esac\n";
    let report = strangers(&executable(&place, answers), Path::new(&list), &["--json"]).json();
    let found = found(&report, &list);
    assert_eq!(found["format"], "ipset save");
    assert_eq!(found["sets"], json!(["bad", "worse"]));
    let figures = ["entries", "rejected", "exceptions"].map(|key| found[key].as_u64());
    assert_eq!(figures, [Some(1151), Some(1), Some(2)]);
}

#[test]
#[ignore = "needs python3"]
fn a_folder_without_files_and_a_program_that_is_none_are_named() {
    needs(&["python3"]);
    let folder = Folder::new();
    strangers(program(), folder.path(), &[]).expect(1, &["no file", "folder"]);
    let nowhere = folder.path().join("nowhere");
    let missing = nowhere.to_str().unwrap();
    strangers(program(), &nowhere, &[]).expect(1, &["no file", "folder"]);
    strangers(missing, three_files().path(), &[]).expect(1, &[missing, "--binary"]);
    strangers("/bin/false", three_files().path(), &[]).expect(1, &["/bin/false", "--binary"]);
}
