//! What is asked for: lists in a universe of 1,024 addresses of each family, and a flag for each of
//! them that says whether it is to be dropped. A prefilter tells its parts from each other. Beside them
//! there may be a crowd, which nothing is asked about: by its size other rows are the cheapest.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Addresses of the universe in each family.
pub const SIZE: usize = 1024;

pub const V4: usize = 0;
pub const V6: usize = 1;

/// Addresses of a part of the universe. Their first 16 bits are the same, and others than in all parts else.
pub const PART: usize = 256;

/// What the addresses of each part begin with.
pub const PARTS: [[&str; SIZE / PART]; 2] = [
    ["45.9.7.", "80.1.2.", "198.51.100.", "199.51.100."],
    ["2400:cb00:5::", "2600:9000:5::", "2a01:db8:5::", "2a02:db8:5::"],
];

pub fn address(family: usize, at: usize) -> IpAddr {
    let (first, within) = (PARTS[family][at / PART], at % PART);
    let text = match family {
        V4 => format!("{first}{within}"),
        _ => format!("{first}{within:x}"),
    };
    text.parse().unwrap()
}

/// Where in the universe an address is; all that is ever listed lies there, but for the crowd.
#[track_caller]
pub fn place(address: &str) -> usize {
    let address = address.parse::<IpAddr>().unwrap();
    let family = if address.is_ipv4() { V4 } else { V6 };
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let within = |part: usize| {
        let first = number(self::address(family, part * PART));
        let within = number(address).checked_sub(first)?;
        (within < PART as u128).then_some(part * PART + within as usize)
    };
    let mut parts = 0..SIZE / PART;
    parts.find_map(within).unwrap_or_else(|| panic!("{address} was never listed"))
}

/// Sizes of the crowd: so many networks of one length, and as many hosts. For a small one a prefilter and an
/// interval set are the cheapest, for a large one a prefilter and several hash sets.
pub const CROWDS: [usize; 3] = [0, 400, CROWD];
const CROWD: usize = 3000;

pub fn crowd(size: usize) -> String {
    let entry = |i: usize| {
        let (a, b) = (i / 256, i % 256);
        format!(
            "{}.{b}.5.0/24\n{}.{b}.9.9\n2c{b:02x}:{a:x}00::/40\n2c{b:02x}:{a:x}00:ff::9\n",
            20 + a,
            20 + a
        )
    };
    (0..size).map(entry).collect()
}

/// Whether an address belongs to it.
pub fn is_of_crowd(address: &str) -> bool {
    let first = address.split('.').next().and_then(|first| first.parse::<usize>().ok());
    first.is_some_and(|first| (20..=20 + CROWD / 256).contains(&first)) || address.starts_with("2c")
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// xorshift64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn at(&mut self) -> usize {
        self.below(SIZE as u64) as usize
    }

    pub fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A line of a list.
#[derive(Clone)]
pub struct Line {
    pub family: usize,
    pub first: usize,
    pub last: usize,
    pub end: Option<i64>,
    pub text: String,
}

impl Line {
    pub fn new(random: &mut Random) -> Self {
        let (family, at) = (random.below(2) as usize, random.at());
        let (first, last, text) = match random.below(3) {
            0 => (at, at, address(family, at).to_string()),
            1 => {
                let bits = random.below(7) as usize;
                let first = at >> bits << bits;
                let length = [32, 128][family] - bits;
                (first, first + (1 << bits) - 1, format!("{}/{length}", address(family, at)))
            }
            _ => {
                let last = (at + random.below(30) as usize).min(at | (PART - 1));
                (at, last, format!("{} - {}", address(family, at), address(family, last)))
            }
        };
        Line { family, first, last, end: None, text }
    }

    pub fn until(mut self, end: i64) -> Self {
        self.text += &format!(" until {end}");
        self.end = Some(end);
        self
    }
}

pub fn text_of(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// What is asked for, as it stands in lists and options.
#[derive(Default)]
pub struct Model {
    pub list: Vec<Line>,
    pub allow: Vec<Line>,
    pub own: [Option<usize>; 2],
    pub mask: [Option<u8>; 2],
}

impl Model {
    /// A flag for each address of a family: whether it is to be dropped.
    pub fn wanted(&self, family: usize, now: i64) -> Vec<bool> {
        let mut flags = vec![false; SIZE];
        let bits = self.mask[family].map_or(0, |mask| [32, 128][family] - usize::from(mask));
        for line in self.list.iter().filter(|line| line.family == family) {
            if line.end.is_none_or(|end| end > now) {
                let (first, last) = (line.first >> bits << bits, line.last | ((1 << bits) - 1));
                flags[first..=last].fill(true);
            }
        }
        for line in self.allow.iter().filter(|line| line.family == family) {
            flags[line.first..=line.last].fill(false);
        }
        if let Some(own) = self.own[family] {
            flags[own] = false;
        }
        flags
    }

    /// Whether the end of an entry makes a difference about now, to an address or to any: the kernel
    /// may be a moment behind.
    pub fn is_open(&self, family: usize, at: impl Fn(usize) -> bool) -> bool {
        let (before, after) = (self.wanted(family, now() - 20), self.wanted(family, now() + 2));
        (0..SIZE).any(|place| at(place) && before[place] != after[place])
    }
}
