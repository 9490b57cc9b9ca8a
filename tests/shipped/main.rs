//! What users install beside the program, or read: units, scripts, agents, rulesets, manual pages,
//! completions. Each shipped file is run, or held against the program, by a test here.

mod agents;
mod agents_country;
mod agents_list;
mod agents_others;
mod completions;
mod faults;
mod fleet;
mod init_script;
mod man;
mod rulesets;
mod rulesets_dynamic;
mod strangers;
mod units;
mod without_systemd;
mod words;
