//! What is asked for: lists in a universe of 1,024 addresses of each family, and a flag for each of
//! them that says whether it is to be dropped.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Addresses of the universe in each family.
pub const SIZE: usize = 1024;

pub const V4: usize = 0;
pub const V6: usize = 1;

pub fn address(family: usize, at: usize) -> IpAddr {
    let text = match family {
        V4 => format!("198.51.{}.{}", 100 + at / 256, at % 256),
        _ => format!("2001:db8:5::{at:x}"),
    };
    text.parse().unwrap()
}

/// Where in the universe an address is; all that is ever listed lies there.
#[track_caller]
pub fn place(address: &str) -> usize {
    let at = match address.parse().unwrap() {
        IpAddr::V4(address) => u32::from(address).wrapping_sub(0xc633_6400) as usize,
        IpAddr::V6(address) => {
            u128::from(address).wrapping_sub(0x2001_0db8_0005 << 80).min(SIZE as u128) as usize
        }
    };
    assert!(at < SIZE, "{address} was never listed");
    at
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
                let last = (at + random.below(30) as usize).min(SIZE - 1);
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
