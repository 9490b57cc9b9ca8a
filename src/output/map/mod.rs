//! The IPv4 address space as a picture: a pixel for each /20, along a Hilbert curve, dropped networks in
//! colour. The picture shows at a glance whether a feed or a mask drops too much.
//!
//! Pure: range sets become the bytes of a PNG.

mod curve;

use std::io::{self, Write};

use font8x8::UnicodeFonts;

use crate::ip::{Range, RangeSet};
use crate::words::{Count, Grouped, Noun};
use curve::cell;

/// The prefix length of the network that a pixel shows.
const LENGTH: u32 = 20;
/// Addresses in a pixel.
const ADDRESSES: u64 = 1 << (32 - LENGTH);
/// Pixels along a side of the map.
const SIDE: u32 = 1 << (LENGTH / 2);
/// Pixels along a side of a /8.
const BLOCK: u32 = SIDE / 16;
/// Pixels along a side of a letter, in the margin and in the /8s.
const LETTER: u32 = 8;
/// Rows of pixels below the map, for the legend.
const LEGEND: u32 = 48;

/// A protected or allowed range of up to this many pixels gets a ring around it, to be found.
const SMALL: u64 = 16;
/// The distance of the ring from the pixel, in pixels.
const RING: i64 = 4;

/// The range sets on a map.
pub struct Map<'a> {
    /// Dropped addresses, red to yellow.
    pub dropped: &'a RangeSet<u32>,
    /// Addresses of allowlists, green.
    pub allowed: &'a RangeSet<u32>,
    /// Protected addresses, blue: those of the host, of gateways and so on.
    pub protected: &'a RangeSet<u32>,
}

/// The colours, by their place in the palette.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Colour {
    Nothing,
    Grid,
    Number,
    Text,
    Allowed,
    Protected,
    /// The first of [`STEPS`] colours: one address of the pixel is dropped. The last: all are.
    Dropped,
}

/// The colours from one dropped address in a pixel to all 4,096; each step is twice as many.
const STEPS: u8 = 13;

const PALETTE: [[u8; 3]; 6] = [
    [0x12, 0x14, 0x1a],
    [0x2c, 0x30, 0x3a],
    [0x74, 0x7c, 0x8c],
    [0xe6, 0xe8, 0xee],
    [0x3f, 0xd0, 0x6b],
    [0x45, 0xb4, 0xff],
];

/// Dark red to bright yellow.
fn dropped(step: u8) -> [u8; 3] {
    let part = |from: u8, to: u8| {
        let (from, to) = (i32::from(from), i32::from(to));
        (from + (to - from) * i32::from(step) / i32::from(STEPS - 1)) as u8
    };
    [part(0x9c, 0xff), part(0x1c, 0xe0), part(0x20, 0x4a)]
}

impl Map<'_> {
    /// Writes the map as a PNG of 1,024 by 1,072 pixels. The only errors are those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut picture = Picture::new();
        picture.draw_grid();
        picture.draw_dropped(self.dropped);
        picture.draw_marked(self.allowed, Colour::Allowed);
        picture.draw_marked(self.protected, Colour::Protected);
        picture.draw_numbers();
        picture.draw_legend(self.dropped);
        picture.encode(out)
    }
}

struct Picture {
    /// Places in the palette, row by row.
    pixels: Vec<u8>,
}

impl Picture {
    fn new() -> Self {
        Picture { pixels: vec![Colour::Nothing as u8; (SIDE * (SIDE + LEGEND)) as usize] }
    }

    fn set(&mut self, column: u32, row: u32, colour: u8) {
        if column < SIDE && row < SIDE + LEGEND {
            self.pixels[(row * SIDE + column) as usize] = colour;
        }
    }

    /// The borders of the /8s.
    fn draw_grid(&mut self) {
        for at in 0..SIDE {
            for line in (0..=SIDE).step_by(BLOCK as usize) {
                self.set(at, line, Colour::Grid as u8);
                self.set(line, at, Colour::Grid as u8);
            }
        }
    }

    fn draw_dropped(&mut self, set: &RangeSet<u32>) {
        // The addresses of the pixel that is being counted, which several ranges may be in.
        let (mut pixel, mut count) = (0, 0);
        for &range in set.ranges() {
            let (first, last) = pixels(range);
            for now in first..=last {
                let inside = addresses_in(range, now);
                count = if now == pixel { count + inside } else { inside };
                pixel = now;
                let (column, row) = cell(now, SIDE);
                self.set(column, row, Colour::Dropped as u8 + count.ilog2() as u8);
            }
        }
    }

    /// Draws addresses that are not dropped even if they are listed.
    fn draw_marked(&mut self, set: &RangeSet<u32>, colour: Colour) {
        for &range in set.ranges() {
            let (first, last) = pixels(range);
            for pixel in first..=last {
                let (column, row) = cell(pixel, SIDE);
                self.set(column, row, colour as u8);
            }
            if u64::from(last - first) < SMALL {
                self.draw_ring(cell(first, SIDE), colour);
            }
        }
    }

    fn draw_ring(&mut self, (column, row): (u32, u32), colour: Colour) {
        let sides =
            (-RING..=RING).flat_map(|at| [(at, -RING), (at, RING), (-RING, at), (RING, at)]);
        for (right, down) in sides {
            let at = u32::try_from(i64::from(column) + right).ok();
            let at = at.zip(u32::try_from(i64::from(row) + down).ok());
            // Not into the legend.
            if let Some((column, row)) = at.filter(|&(_, row)| row < SIDE) {
                self.set(column, row, colour as u8);
            }
        }
    }

    /// The number of each /8, in its upper left corner.
    fn draw_numbers(&mut self) {
        for number in 0..256 {
            let (column, row) = cell(number, 16);
            let at = (column * BLOCK + 3, row * BLOCK + 3);
            self.draw_text(at, &number.to_string(), 1, Colour::Number as u8);
        }
    }

    fn draw_legend(&mut self, set: &RangeSet<u32>) {
        let share = set.addresses() as f64 / 2f64.powi(32) * 100.0;
        let text = format!(
            "{}, {} addresses, {share:.2} % of IPv4",
            Count(set.network_count(), Noun::Network),
            Grouped(set.addresses())
        );
        self.draw_text((8, SIDE + 8), &text, 2, Colour::Text as u8);
        let mut at = 8;
        let first = Colour::Dropped as u8;
        for (colour, text) in [
            (first, "some of a /20 dropped"),
            (first + STEPS - 1, "all of it"),
            (Colour::Allowed as u8, "allowed"),
            (
                Colour::Protected as u8,
                "protected: own addresses, gateways, resolvers, loopback, ...",
            ),
        ] {
            let row = SIDE + 32;
            for pixel in 0..LETTER * LETTER {
                self.set(at + pixel % LETTER, row + pixel / LETTER, colour);
            }
            self.draw_text((at + LETTER + 6, row), text, 1, Colour::Text as u8);
            at += LETTER * (text.len() as u32 + 4);
        }
    }

    /// Text from the upper left corner at `at` on, each pixel of a letter `scale` times as large.
    fn draw_text(&mut self, at: (u32, u32), text: &str, scale: u32, colour: u8) {
        for (number, letter) in (0..).zip(text.chars()) {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else { continue };
            for pixel in 0..(LETTER * scale) * (LETTER * scale) {
                let (column, row) = (pixel % (LETTER * scale), pixel / (LETTER * scale));
                // Bit 0 is the leftmost.
                if rows[(row / scale) as usize] >> (column / scale) & 1 == 1 {
                    let left = at.0 + number * LETTER * scale;
                    self.set(left + column, at.1 + row, colour);
                }
            }
        }
    }

    fn encode(&self, out: &mut impl Write) -> io::Result<()> {
        let mut encoder = png::Encoder::new(out, SIDE, SIDE + LEGEND);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        let steps = (0..STEPS).map(dropped);
        encoder.set_palette(PALETTE.into_iter().chain(steps).flatten().collect::<Vec<u8>>());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        Ok(writer.finish()?)
    }
}

/// The first and the last pixel that a range is in.
fn pixels(range: Range<u32>) -> (u32, u32) {
    (range.first() >> (32 - LENGTH), range.last() >> (32 - LENGTH))
}

/// How many addresses of a pixel a range has, one at least.
fn addresses_in(range: Range<u32>, pixel: u32) -> u64 {
    let first = u64::from(pixel) * ADDRESSES;
    let begin = first.max(range.first().into());
    let end = (first + ADDRESSES - 1).min(range.last().into());
    end - begin + 1
}
