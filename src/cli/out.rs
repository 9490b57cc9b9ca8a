//! What a command gives back besides its exit status: standard output, and usage errors.

use std::io::{self, BufWriter, Write};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::args::Cli;
use crate::error::Error;

/// Exits with a usage error in the form of clap's own.
pub fn usage(message: &str) -> ! {
    Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
}

/// Writes to standard output. A reader that closes the pipe early is not an error.
pub fn to_stdout(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'_>>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|source| Error::Stdout { source }),
    }
}
