//! Two lists that take turns, and the sources whose verdict they do not change.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kit::*;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};
use netfilterd::list::List;

use super::judge::Probe;

pub fn parsed(text: String) -> RangeSets {
    netfilterd::list::parse(&[List::new("text", text.into())]).unwrap().sets
}

/// What is different between the two lists that take turns.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Everything but the networks of the probes.
    Complete,
    /// About a thousand networks, a third of them right beside the probes.
    Small,
}

/// Two lists, of which one at a time is in place.
pub struct Lists {
    folder: Folder,
    path: PathBuf,
}

impl Lists {
    const NAMES: [&str; 2] = ["first", "second"];

    /// Two lists, of which the first one is in place.
    pub fn new(texts: &[String; 2]) -> Self {
        let folder = Folder::new();
        for (name, text) in Self::NAMES.into_iter().zip(texts) {
            let path = folder.file(name, text);
            // A list that was written to just now is not read before it has settled.
            let long_ago = SystemTime::now() - Duration::from_secs(3600);
            fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
        let lists = Lists { path: folder.path().join("list"), folder };
        lists.put(0);
        lists
    }

    /// The list that is in place, for `--file`.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Puts the first list in place, or the second, by a rename.
    pub fn put(&self, which: usize) {
        let link = self.folder.path().join("link");
        symlink(Path::new(Self::NAMES[which]), &link).unwrap();
        fs::rename(&link, &self.path).unwrap();
    }
}

/// Addresses are told in blocks, alike in both families: a block is a network of the length that
/// most of a list has, /24 and /48.
#[derive(Clone, Copy)]
pub enum Family {
    V4,
    V6,
}

/// The first block of the lists: 20.0.0.0/24 and 2001:14::/48.
const FIRST: u32 = 0x14_0000;

/// The blocks that belong to one probe, which is in their middle.
const PLOT: u32 = 256;

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// How many networks there are besides those around the probes: 60,000 in both families.
    fn crowd(self) -> u32 {
        match self {
            Family::V4 => 50_000,
            Family::V6 => 10_000,
        }
    }

    /// How many networks stand on either side of each probe.
    fn beside(self) -> u32 {
        match self {
            Family::V4 => 13,
            Family::V6 => 3,
        }
    }

    /// The first address of a block, or one so far from it.
    fn address(self, block: u32, offset: i32) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::from_bits((block << 8).wrapping_add_signed(offset)).into(),
            Family::V6 => {
                let first = 0x2001 << 112 | u128::from(block) << 80;
                Ipv6Addr::from_bits(first.wrapping_add_signed(offset.into())).into()
            }
        }
    }

    /// A block as an entry.
    fn network(self, block: u32) -> String {
        let length = match self {
            Family::V4 => 24,
            Family::V6 => 48,
        };
        format!("{}/{length}\n", self.address(block, 0))
    }

    /// The block in the middle of a probe's plot. The plots are in the middle of the list.
    fn middle(self, plot: Plot) -> u32 {
        FIRST + 2 * self.crowd() + PLOT * (plot as u32 + 1)
    }
}

/// What there is to be misjudged.
#[derive(Clone, Copy, Debug)]
pub enum Plot {
    /// A network that both lists have.
    Network,
    /// An address in a network of the first list, which is part of a longer range in the second.
    Stretching,
    /// An address in a network of the first list, of which the second has a part only: beside a
    /// hash set it moves from there to the interval set and back.
    Shrinking,
    /// A host that both lists have.
    Host,
    /// An unlisted address between two listed ones.
    BetweenHosts,
    /// An unlisted network between two listed ones.
    BetweenNetworks,
}

pub const PLOTS: [Plot; 6] = [
    Plot::Network,
    Plot::Stretching,
    Plot::Shrinking,
    Plot::Host,
    Plot::BetweenHosts,
    Plot::BetweenNetworks,
];

impl Plot {
    pub fn is_listed(self) -> bool {
        matches!(self, Plot::Network | Plot::Stretching | Plot::Shrinking | Plot::Host)
    }

    /// What packets are sent from. Of networks the first and the last address, where a mistake by
    /// one shows.
    fn sources(self, family: Family) -> Vec<IpAddr> {
        let middle = family.middle(self);
        match self {
            Plot::Network | Plot::BetweenNetworks => {
                vec![family.address(middle, 0), family.address(middle + 1, -1)]
            }
            Plot::Stretching | Plot::Shrinking | Plot::Host | Plot::BetweenHosts => {
                vec![family.address(middle, 7)]
            }
        }
    }

    /// The entries that decide about the sources.
    fn entries(self, family: Family, second: bool) -> String {
        let middle = family.middle(self);
        let host = |offset| format!("{}\n", family.address(middle, offset));
        let range = |first, last| {
            format!("{}-{}\n", family.address(middle, first), family.address(middle, last))
        };
        let blocks = |blocks: &[u32]| -> String {
            blocks.iter().map(|&block| family.network(block)).collect()
        };
        match (self, second) {
            (Plot::Network, _) | (Plot::Stretching | Plot::Shrinking, false) => blocks(&[middle]),
            (Plot::Stretching, true) => blocks(&[middle - 1, middle, middle + 1]),
            (Plot::Shrinking, true) => range(5, 9),
            (Plot::Host, false) => host(5) + &host(7),
            (Plot::Host, true) => host(7) + &host(9),
            (Plot::BetweenHosts, false) => host(6) + &host(8),
            (Plot::BetweenHosts, true) => range(0, 6) + &range(8, 200),
            (Plot::BetweenNetworks, false) => blocks(&[middle - 1, middle + 1]),
            (Plot::BetweenNetworks, true) => {
                blocks(&[middle - 2, middle - 1, middle + 1, middle + 2])
            }
        }
    }
}

/// The first or the second list of a change. Networks are two blocks apart or more, lest they
/// merge, but for those that are meant to.
pub fn list(change: Change, second: bool) -> String {
    let changed = match change {
        Change::Complete => 1,
        Change::Small => 180,
    };
    let mut text = String::new();
    for family in Family::ALL {
        for i in 0..family.crowd() {
            let moved = if second && i % changed == 0 { 2 } else { 0 };
            let over = if i < family.crowd() / 2 { 0 } else { PLOT * (PLOTS.len() as u32 + 1) };
            text += &family.network(FIRST + 4 * i + over + moved);
        }
        for plot in PLOTS {
            for i in 0..family.beside() {
                let away = 4 * (i + 1) + if second { 2 } else { 0 };
                text += &family.network(family.middle(plot) - away);
                text += &family.network(family.middle(plot) + away);
            }
            text += &plot.entries(family, second);
        }
    }
    text
}

#[test]
fn the_lists_that_take_turns_differ_as_they_should() {
    for (change, common) in [(Change::Complete, 4..=4), (Change::Small, 59_000..=60_000)] {
        let [first, second] = [false, true].map(|second| parsed(list(change, second)));
        for sets in [&first, &second] {
            let ranges = sets.v4.ranges().len() + sets.v6.ranges().len();
            assert!((60_000..61_000).contains(&ranges), "{ranges}");
            for Probe { address, is_listed, what } in probes() {
                assert_eq!(sets.contains(address), is_listed, "{address} ({what})");
            }
        }
        let same = common_ranges(&first.v4, &second.v4) + common_ranges(&first.v6, &second.v6);
        assert!(common.contains(&same), "{same}");
    }
}

fn common_ranges<A: Address>(first: &RangeSet<A>, second: &RangeSet<A>) -> usize {
    let is_in_second = |range: &&Range<A>| {
        second
            .ranges()
            .binary_search_by_key(&range.first(), |other| other.first())
            .is_ok_and(|place| second.ranges()[place] == **range)
    };
    first.ranges().iter().filter(is_in_second).count()
}

/// The sources of all plots.
pub fn probes() -> Vec<Probe> {
    let of_plot = |family: Family, plot: Plot| {
        let probe = move |address| Probe {
            address,
            is_listed: plot.is_listed(),
            what: format!("{plot:?}"),
        };
        plot.sources(family).into_iter().map(probe)
    };
    let of_family = |family| PLOTS.into_iter().flat_map(move |plot| of_plot(family, plot));
    Family::ALL.into_iter().flat_map(of_family).collect()
}

/// Both lists of a change.
pub fn both(change: Change) -> [String; 2] {
    [false, true].map(|second| list(change, second))
}
