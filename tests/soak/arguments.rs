//! What may be asked for on the command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};

/// Daemons that reload, refuse, repair and judge packets for a long time: nothing may grow, and no
/// packet may be misjudged.
#[derive(Parser)]
#[command(name = "soak")]
pub struct Arguments {
    /// How long, from a minute to a day
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = minutes)]
    pub minutes: Duration,

    /// Also write the report to docs/SOAK.md if all went well
    #[arg(long)]
    pub write: bool,

    /// What happens at random follows from this number, for it to happen once more
    #[arg(long, value_name = "NUMBER", default_value_t = other_each_time())]
    pub seed: u64,

    /// Do something wrong on purpose: the soak must notice it, and fail
    #[arg(long, value_enum, conflicts_with = "write")]
    pub wrong: Option<Wrong>,
}

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wrong {
    /// The daemons do not repair (--no-repair), and another program deletes elements
    NoRepair,
    /// The daemons do not protect their gateways (--no-protect)
    NoProtect,
}

impl Wrong {
    /// The option that makes a daemon wrong in this way; in queue mode there is nothing to repair.
    pub fn option(self, has_table: bool) -> Option<&'static str> {
        match self {
            Wrong::NoRepair => has_table.then_some("--no-repair"),
            Wrong::NoProtect => Some("--no-protect"),
        }
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(minutes @ 1.0..=1440.0) => Ok(Duration::from_secs_f64(60.0 * minutes)),
        _ => Err("it takes a minute at least, and a day at most".to_string()),
    }
}

fn other_each_time() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| time.as_millis() as u64)
}
