//! `run`, the default: a daemon that keeps in force what the lists ask for.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use super::args::RunOptions;
use super::out::usage;
use super::{kernel, outputs, settings};
use crate::daemon;
use crate::daemon::list_watch::WatchRequest;
use crate::daemon::queues::QueueMode;
use crate::error::Error;
use crate::list::Source;
use crate::load::Host;
use crate::nfqueue::{self, Queues};

/// Runs a daemon until SIGTERM or SIGINT.
pub fn run(options: &RunOptions, host: Host) -> Result<ExitCode, Error> {
    let lists = &options.load.lists;
    if lists.file.contains(&Source::Stdin) || lists.allow.contains(&Source::Stdin) {
        usage("a daemon cannot read standard input again on SIGHUP; use load, or name a file");
    }
    outputs::check_run(options);
    match &options.queue.queue {
        Some(queues) => run_queues(options, queues.clone(), host)?,
        None => kernel::run(options, files(options), host)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_queues(options: &RunOptions, queues: RangeInclusive<u16>, host: Host) -> Result<(), Error> {
    let load = &options.load;
    let queue = &options.queue;
    if queue.mark_accept.is_some() && queue.mark_accept == queue.mark_drop {
        usage(
            "--mark-accept and --mark-drop are the same mark; rules need two to distinguish packets",
        );
    }
    let key = format!("queue {}:{}", queues.start(), queues.end());
    let pipeline = settings::pipeline(load, settings::load_request(load), key, host);
    let queues = Queues::new(
        nfqueue::Options {
            queues,
            max_length: queue.queue_maxlen,
            fail_open: !queue.fail_closed,
            mark_accept: queue.mark_accept,
            mark_drop: queue.mark_drop,
        },
        load.interface.clone(),
    );
    daemon::run(pipeline, QueueMode::new(queues), files(options))
}

fn files(options: &RunOptions) -> daemon::Files<'_> {
    let lists = options.load.lists.file.iter().chain(&options.load.lists.allow);
    let paths = lists.filter_map(|source| match source {
        Source::Path(path) => Some(path.clone()),
        Source::Stdin => None,
    });
    daemon::Files {
        pid: options.pid_file.as_deref(),
        status: &options.status.status_file,
        metrics: options.metrics.as_deref(),
        watch: options.watch.map(|seconds| WatchRequest {
            paths: paths.collect(),
            every: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            are_optional: false,
        }),
    }
}
