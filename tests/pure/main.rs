//! What the library decides by itself: no test here starts a process, needs root or touches the
//! machine beyond files in a folder of its own.

mod connected;
mod ends;
mod exceptions;
mod feeds;
mod feeds_sets;
mod files;
mod formats;
mod guards;
mod host;
mod layers;
mod layout;
mod line_grammar;
mod list_watch;
#[cfg(feature = "map")]
mod map;
mod oracle;
mod queue_wire;
mod read_again;
mod safety;
mod script;
#[cfg(feature = "nftables")]
mod wire;
