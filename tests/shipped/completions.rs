//! Completion scripts: whole, and right where a shell is there to ask.

use std::process::Command;

use kit::program;

fn script(shell: &str) -> String {
    let output = Command::new(program()).args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_shell_gets_a_script_with_all_commands_and_an_unknown_one_none() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = script(shell);
        for word in ["load", "check", "print", "test", "status", "queue", "no-protect"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let output = Command::new(program()).args(["completions", "dos"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What bash offers when the last of `words` is being typed.
fn bash_offers(words: &[&str]) -> Vec<String> {
    let ask = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_netfilterd netfilterd '{}' '{}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script("bash"),
        words.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().filter(|word| !word.is_empty()).map(str::to_string).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(bash_offers(&["netfilterd", "lo"]), ["load"]);
    assert_eq!(bash_offers(&["netfilterd", "load", "--max"]), ["--max-shrink"]);
    assert_eq!(bash_offers(&["netfilterd", "print", "--format", "ip"]), ["ipset"]);
    assert_eq!(bash_offers(&["netfilterd", "run", "--watch", "--pid"]), ["--pid-file"]);
    assert_eq!(bash_offers(&["netfilterd", "--watch", "--pid"]), ["--pid-file"]);
    assert_eq!(bash_offers(&["netfilterd", "load", "--queue"]), [""; 0], "load has none");
}
