//! The program and the kernel's nftables, in network namespaces of the tests' own: what gets in
//! force, what stays in force, and what a daemon does about it. All of it needs root.

mod clock_steps;
mod confirm;
mod connected;
mod daemon;
mod ends;
mod faults_answers;
mod faults_host;
mod faults_kernel;
mod faults_killed;
mod faults_reload;
mod foreign;
mod guards;
mod in_force;
mod in_place;
mod interfaces;
mod limits;
mod logins;
mod lookup;
mod managed;
mod misjudged;
mod model;
mod neighbours;
mod own_files;
mod privileges;
mod progress;
mod protected;
mod read_again;
mod repair;
mod restored;
mod rows;
mod safety;
mod script;
mod security;
mod status;
mod upgrade;
