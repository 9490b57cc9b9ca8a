//! The rows of look-ups that the model of costs weighs for a list, and each of them in force.
//!
//!     rows LIST [NUMBER]
//!
//! Without a number it prints a line for each row, the cheapest first: its number, the nanoseconds that the
//! model expects an unlisted and a listed packet to pay, bytes of kernel memory, nanoseconds of a load, and
//! the row, with tabs between. With a number it puts the list in force in that row. The list is of one
//! family. It changes the ruleset: run it in a network namespace of its own.

mod managed;

use netfilterd::ip::{Address, RangeSet};
use netfilterd::list::{self, List};
use netfilterd::netlink::{Protocol, Socket};
use netfilterd::nftables::layout::choose::{self, Candidate};
use netfilterd::nftables::layout::{Census, Row, Rows};
use netfilterd::nftables::name::Tables;

use managed::{Result, carry_out, transactions};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: rows LIST [NUMBER]")?;
    let number: Option<usize> = arguments.next().map(|number| number.parse()).transpose()?;

    let list = List::new(path.as_str(), std::fs::read(&path)?);
    let sets = list::parse(&[list])?.sets;
    let is_v4 = match (sets.v4.is_empty(), sets.v6.is_empty()) {
        (false, true) => true,
        (true, false) => false,
        _ => return Err("the list has to be of one family".into()),
    };
    let candidates = if is_v4 { cheapest_first(&sets.v4) } else { cheapest_first(&sets.v6) };
    let Some(number) = number else {
        for (number, Candidate { row, cost, .. }) in candidates.iter().enumerate() {
            let (unlisted, listed) = (cost.unlisted, cost.listed);
            println!("{number}\t{unlisted:.0}\t{listed:.0}\t{}\t{}\t{row}", cost.memory, cost.load);
        }
        return Ok(());
    };

    let row = candidates.into_iter().nth(number).ok_or("there is no row of that number")?.row;
    let rows =
        if is_v4 { Rows { v4: row, v6: Row::NONE } } else { Rows { v4: Row::NONE, v6: row } };
    let (fill, switch) = transactions(&Tables::managed(), &sets, &rows, 1)?;
    let mut socket = Socket::open(Protocol::Netfilter)?;
    socket.size_send_buffer(fill.bytes().len() + 4096)?;
    carry_out(&mut socket, &fill)?;
    carry_out(&mut socket, &switch)
}

/// The rows that hold the set, in the order of what an unlisted packet pays.
fn cheapest_first<A: Address>(set: &RangeSet<A>) -> Vec<Candidate> {
    let mut candidates = choose::candidates(&Census::of(set));
    candidates.sort_by(|one, other| one.cost.sum().total_cmp(&other.cost.sum()));
    candidates
}
