//! What the tests, the fuzz targets and the soak stand on: network namespaces that are gone when a test
//! is, also when it fails; daemons and packets in them; readers and models too simple to be wrong.

pub mod agents;
pub mod counters;
pub mod crowd;
pub mod daemon;
pub mod files;
pub mod flags;
pub mod hanging;
pub mod harmless;
pub mod listed;
pub mod merged;
pub mod namespace;
pub mod nflog;
pub mod process;
pub mod queue;
pub mod ran;
pub mod random;
pub mod reader;
pub mod ruleset;
pub mod terminal;
pub mod wait;
pub mod wire;
pub mod written;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use daemon::{Daemon, status_in};
pub use files::{Folder, odd_path};
pub use hanging::Hanging;
pub use merged::merged;
pub use namespace::Namespace;
pub use process::Background;
pub use ran::{Ran, assert_line_names, assert_names, netfilterd, run};
pub use wait::{DEADLINE, awaited, bind_again, eventually, patience};
pub use wire::*;

/// The top folder of the project.
pub const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The program under test: NETFILTERD_PROGRAM, or the one that cargo built together with the tests,
/// which lies one folder above theirs.
pub fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = || {
            let tests = std::env::current_exe().unwrap();
            let folder = tests.parent().and_then(Path::parent).expect("a folder of cargo's");
            folder.join("netfilterd").to_str().unwrap().to_string()
        };
        let program = std::env::var("NETFILTERD_PROGRAM").unwrap_or_else(|_| built());
        assert!(Path::new(&program).exists(), "there is no {program} to test");
        program
    })
}

/// Ends the test as a failure, saying why, unless all of `tools` are installed.
#[track_caller]
pub fn needs(tools: &[&str]) {
    for tool in tools {
        assert!(is_installed(tool), "{tool} is not installed");
    }
}

/// Ends the test as a failure, saying why, unless root runs it.
#[track_caller]
pub fn needs_root() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
}

/// Whether a tool is where tools are.
pub fn is_installed(tool: &str) -> bool {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().any(|folder| Path::new(folder).join(tool).exists())
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn unique() -> String {
    format!("nfd{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
