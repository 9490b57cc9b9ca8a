//! What the kernel itself takes for a load: the floor under every time that a load can reach.
//!
//!     floor LIST [ROUNDS [auto|interval|hash]]
//!
//! Encodes the two transactions of the managed tables, fill and switch, ahead of time, and prints
//! the seconds from the first send to the last answer; one line for each round, of which the later
//! ones replace what the earlier ones loaded. Nothing but a socket is between it and
//! the kernel, so that it measures the kernel and not netfilterd. It changes the ruleset: run it in a network
//! namespace of its own.

mod managed;

use std::time::Instant;

use clap::ValueEnum;
use netfilterd::list::{self, List};
use netfilterd::netlink::{Protocol, Socket};
use netfilterd::nftables::layout::{Layout, Rows};
use netfilterd::nftables::name::Tables;

use managed::{Result, carry_out, transactions};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: floor LIST [ROUNDS [LAYOUT]]")?;
    let rounds = arguments.next().map_or(Ok(1), |rounds| rounds.parse())?;
    let layout =
        arguments.next().map_or(Ok(Layout::Auto), |name| Layout::from_str(&name, false))?;

    let list = List::new(path.as_str(), std::fs::read(&path)?);
    let sets = list::parse(&[list])?.sets;
    let tables = Tables::managed();
    let rows = Rows::choose(&sets, layout);
    let mut socket = Socket::open(Protocol::Netfilter)?;
    for round in 1..=rounds {
        let (fill, switch) = transactions(&tables, &sets, &rows, round)?;
        socket.size_send_buffer(fill.bytes().len() + 4096)?;

        let begin = Instant::now();
        carry_out(&mut socket, &fill)?;
        carry_out(&mut socket, &switch)?;
        println!("{:.6}", begin.elapsed().as_secs_f64());
    }
    Ok(())
}
