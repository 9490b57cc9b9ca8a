//! What the kernel itself takes for a load: the floor under every time that a load can reach.
//!
//!     floor LIST [ROUNDS [auto|interval|hash]]
//!
//! Encodes the two transactions of the managed table, fill and switch, ahead of time, and prints
//! the seconds from the first send to the last answer; one line for each round, of which the later
//! ones replace what the earlier ones loaded. Sends and receives by itself, in the barest way, so
//! that it measures the kernel and not netfilterd. It changes the ruleset: run it in a network
//! namespace of its own.

use std::error::Error;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use mnl::{Bus, Socket};
use netfilterd::ip::mask::Mask;
use netfilterd::ip::range::RangeSets;
use netfilterd::list::{self, List};
use netfilterd::nftables::batch::{Batch, FinishedBatch};
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::layout::{LaidOut, Layout, Shapes};
use netfilterd::nftables::name::{MANAGED_TABLE, TableName};
use netfilterd::nftables::objects::{self, Direction, KernelSet};
use netfilterd::sys;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: floor LIST [ROUNDS [LAYOUT]]")?;
    let rounds = arguments.next().map_or(Ok(1), |rounds| rounds.parse())?;
    let layout =
        arguments.next().map_or(Ok(Layout::Auto), |name| Layout::from_str(&name, false))?;

    let list = List::new(path.as_str(), std::fs::read(&path)?);
    let sets = list::parse(&[list])?.sets;
    let table: TableName = MANAGED_TABLE.parse()?;
    let socket = Socket::open(Bus::Netfilter)?;
    socket.bind(0, 0)?;
    for round in 1..=rounds {
        let (fill, switch) = transactions(&table, &sets, layout, round)?;
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
    layout: Layout,
    round: u64,
) -> Result<(FinishedBatch, FinishedBatch)> {
    let shapes = Shapes::choose(sets, layout, Mask::default());
    let kernel_sets = kernel_sets(&shapes, round)?;
    let (v4, v6) = (LaidOut::new(&sets.v4, shapes.v4), LaidOut::new(&sets.v6, shapes.v6));

    let mut fill = Batch::new();
    objects::add_table(&mut fill, table);
    objects::add_counters(&mut fill, table);
    objects::add_sets(&mut fill, table, &kernel_sets);
    for set in &kernel_sets {
        let (name, add) = (&set.name, Action::Add);
        if set.v6 {
            elements::change(&mut fill, add, table, name, v6.elements_of(set.kind));
        } else {
            elements::change(&mut fill, add, table, name, v4.elements_of(set.kind));
        }
    }

    let mut switch = Batch::new();
    for direction in Direction::ALL {
        objects::add_chain(&mut switch, table, direction);
        objects::flush_chain(&mut switch, table, direction);
        objects::add_rules(&mut switch, table, direction, &kernel_sets, &[]);
    }
    if round > 1 {
        for old in self::kernel_sets(&shapes, round - 1)? {
            objects::delete_set(&mut switch, table, &old.name);
        }
    }
    let unfit = |why| format!("{why:?}");
    Ok((fill.finish().map_err(unfit)?, switch.finish().map_err(unfit)?))
}

fn kernel_sets(shapes: &Shapes, generation: u64) -> Result<Vec<KernelSet>> {
    Ok(KernelSet::all([&"drop4".parse()?, &"drop6".parse()?], shapes, generation))
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
