//! What the kernel itself takes for a load: the floor under every time that a load can reach.
//!
//!     floor LIST [ROUNDS]
//!
//! Encodes the two transactions of the managed table, fill and switch, ahead of time, and prints
//! the seconds from the first send to the last answer; one line for each round, of which the later
//! ones replace what the earlier ones loaded. Sends and receives by itself, in the barest way, so
//! that it measures the kernel and not netfilterd. It changes the ruleset: run it in a network
//! namespace of its own.

use std::error::Error;
use std::ffi::CString;
use std::time::{Duration, Instant};

use mnl::{Bus, Socket};
use netfilterd::list::{self, List};
use netfilterd::name::{MANAGED_TABLE, TableName};
use netfilterd::nft::batch::{Batch, FinishedBatch};
use netfilterd::nft::elements;
use netfilterd::nft::objects::{self, Direction, SetNames};
use netfilterd::range::RangeSets;
use netfilterd::sys;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: floor LIST [ROUNDS]")?;
    let rounds = arguments.next().map_or(Ok(1), |rounds| rounds.parse())?;

    let list = List::new(path.as_str(), std::fs::read(&path)?);
    let sets = list::parse(&[list])?.sets;
    let table: TableName = MANAGED_TABLE.parse()?;
    let socket = Socket::open(Bus::Netfilter)?;
    socket.bind(0, 0)?;
    for round in 1..=rounds {
        let (fill, switch) = transactions(&table, &sets, round)?;
        let room = i32::try_from(fill.bytes().len() + 4096)?;
        let fd = sys::netlink_fd(&socket);
        sys::set_socket_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, room)?;

        let begin = Instant::now();
        carry_out(&socket, &fill)?;
        carry_out(&socket, &switch)?;
        println!("{:.6}", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Fill and switch, as netfilterd's managed table has them.
fn transactions(
    table: &TableName,
    sets: &RangeSets,
    round: u32,
) -> Result<(FinishedBatch, FinishedBatch)> {
    let (v4, v6) = (set_name(4, round)?, set_name(6, round)?);
    let names = SetNames { v4: &v4, v6: &v6 };

    let mut fill = Batch::new();
    objects::add_table(&mut fill, table);
    objects::add_counters(&mut fill, table);
    objects::add_sets(&mut fill, table, names);
    elements::add(&mut fill, table, names.v4, sets.v4.ranges());
    elements::add(&mut fill, table, names.v6, sets.v6.ranges());

    let mut switch = Batch::new();
    for direction in Direction::ALL {
        objects::add_chain(&mut switch, table, direction);
        objects::flush_chain(&mut switch, table, direction);
        objects::add_rules(&mut switch, table, direction, names, &[]);
    }
    if round > 1 {
        objects::delete_set(&mut switch, table, &set_name(4, round - 1)?);
        objects::delete_set(&mut switch, table, &set_name(6, round - 1)?);
    }
    let too_long = "a message came out too long";
    Ok((fill.finish().ok_or(too_long)?, switch.finish().ok_or(too_long)?))
}

fn set_name(family: u8, round: u32) -> Result<CString> {
    Ok(CString::new(format!("drop{family}_g{round}"))?)
}

/// One send, and every answer that waits behind it.
fn carry_out(socket: &Socket, batch: &FinishedBatch) -> Result<()> {
    socket.send(batch.bytes())?;
    let mut answer = vec![0; 32 << 10];
    let mut acknowledged = false;
    while sys::wait_readable([sys::netlink_fd(socket)], Some(Duration::ZERO))? == [true] {
        let length = socket.recv_raw(&mut answer)?;
        // 0 for the sequence and the port: no need to check whose answer it is, nobody else asks.
        mnl::cb_run(&answer[..length], 0, 0)?;
        acknowledged = true;
    }
    if acknowledged { Ok(()) } else { Err("the kernel did not answer".into()) }
}
