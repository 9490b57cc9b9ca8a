//! The picture of the IPv4 space, decoded and looked at.

use netfilterd::ip::mask::Mask;
use netfilterd::ip::{RangeSet, RangeSets};
use netfilterd::list::{self, List};
use netfilterd::output::map::Map;
use netfilterd::policy::exclusions::Exclusions;
use netfilterd::policy::protect::{Facts, Protected};

/// The curve by its definition: a square is four smaller ones, of which the first and the last are
/// turned; its corner, then the direction across it and the one along it.
fn curve(corner: [f64; 2], across: [f64; 2], along: [f64; 2], order: u32, to: &mut Vec<[u32; 2]>) {
    let add = |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
    let half = |a: [f64; 2]| [a[0] / 2.0, a[1] / 2.0];
    let back = |a: [f64; 2]| [-a[0], -a[1]];
    if order == 0 {
        let middle = add(corner, add(half(across), half(along)));
        return to.push([middle[0] as u32, middle[1] as u32]);
    }
    let (x, y, order) = (half(across), half(along), order - 1);
    curve(corner, y, x, order, to);
    curve(add(corner, x), x, y, order, to);
    curve(add(corner, add(x, y)), x, y, order, to);
    curve(add(corner, add(x, along)), back(y), back(x), order, to);
}

/// A decoded map, and where each /20 is on it.
struct Picture {
    width: u32,
    height: u32,
    palette: Vec<[u8; 3]>,
    pixels: Vec<u8>,
    places: Vec<[u32; 2]>,
}

impl Picture {
    fn decode(bytes: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let info = reader.info();
        let (width, height) = (info.width, info.height);
        let colours = info.palette.as_ref().unwrap().chunks_exact(3);
        let palette = colours.map(|colour| colour.try_into().unwrap()).collect();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let mut places = Vec::new();
        // Down from the upper left corner first, to the upper right one last.
        curve([0.0, 0.0], [0.0, 1024.0], [1024.0, 0.0], 10, &mut places);
        Picture { width, height, palette, pixels, places }
    }

    fn of(dropped: &str, allowed: &str, protected: &str) -> Self {
        let set = |text: &str| -> RangeSet<u32> {
            list::parse(&[List::new("text", text.into())]).unwrap().sets.v4
        };
        let (dropped, allowed, protected) = (set(dropped), set(allowed), set(protected));
        let mut bytes = Vec::new();
        let map = Map { dropped: &dropped, allowed: &allowed, protected: &protected };
        map.write(&mut bytes).unwrap();
        Picture::decode(&bytes)
    }

    fn colour(&self, column: u32, row: u32) -> [u8; 3] {
        self.palette[usize::from(self.pixels[(row * self.width + column) as usize])]
    }

    /// The colour of the /20 that an address is in.
    fn at(&self, address: &str) -> [u8; 3] {
        let address: u32 = address.parse::<std::net::Ipv4Addr>().unwrap().into();
        let [column, row] = self.places[(address >> 12) as usize];
        self.colour(column, row)
    }
}

/// Red and green of it: what is dropped has more red than green, and more green than blue in the end.
fn is_warm([red, green, blue]: [u8; 3]) -> bool {
    red > 0x90 && red > green && red > blue
}

#[test]
fn what_is_dropped_is_in_colour_where_the_curve_has_it_and_nothing_else_is() {
    let dropped = "1.2.48.7\n9.64.0.0/10\n200.100.50.0/24\n223.255.240.0-223.255.255.255\n";
    let picture = Picture::of(dropped, "", "");
    assert_eq!((picture.width, picture.height), (1024, 1024 + 48));
    for address in ["1.2.48.7", "9.64.0.0", "9.127.255.255", "200.100.50.9", "223.255.255.1"] {
        assert!(is_warm(picture.at(address)), "{address}");
    }
    for address in ["1.2.64.1", "9.63.255.255", "9.129.128.5", "200.100.40.0", "224.3.0.1"] {
        assert!(!is_warm(picture.at(address)), "{address}");
    }
    let map = &picture.pixels[..1024 * 1024];
    let warm = map.iter().filter(|&&pixel| is_warm(picture.palette[usize::from(pixel)])).count();
    // Less what the numbers of the /8s hide.
    assert!((1 + 1024 - 60..=1 + 1024 + 1 + 1).contains(&warm), "{warm}");
}

#[test]
fn the_more_of_a_pixel_is_dropped_the_brighter_it_is_however_it_is_written() {
    let brightness = |dropped: &str| {
        let [red, green, _] = Picture::of(dropped, "", "").at("77.88.99.1");
        u32::from(red) + u32::from(green)
    };
    let steps = [
        "77.88.99.1",
        "77.88.99.1\n77.88.100.7",
        "77.88.99.0/24",
        "77.88.96.0/21",
        "77.88.96.0/20",
    ];
    let brightness: Vec<u32> = steps.map(brightness).into();
    assert!(brightness.is_sorted_by(|a, b| a < b), "{brightness:?}");
    let halves = Picture::of("77.88.96.0/21\n77.88.104.0/22\n77.88.108.0/22\n", "", "");
    let whole = Picture::of("77.88.96.0/20\n", "", "");
    assert_eq!(halves.at("77.88.99.1"), whole.at("77.88.99.1"));
    assert_eq!(Picture::of("0.0.0.0/0", "", "").at("77.88.99.1"), whole.at("77.88.99.1"));
}

#[test]
fn what_is_allowed_or_protected_is_marked_also_where_it_is_one_address() {
    let picture = Picture::of("10.0.0.0/8", "10.9.0.0/16", "10.77.0.2\n127.0.0.0/8");
    let (allowed, own) = (picture.at("10.9.200.1"), picture.at("10.77.0.2"));
    assert!(allowed[1] > allowed[0] && allowed[1] > allowed[2], "green: {allowed:?}");
    assert!(own[2] > own[0] && own[2] > own[1], "blue: {own:?}");
    assert_eq!(picture.at("127.200.128.1"), own);
    let map = picture.pixels[..1024 * 1024].iter();
    let blue = map.filter(|&&pixel| picture.palette[usize::from(pixel)] == own).count();
    // A /8 without its number, one pixel, and a ring around it.
    assert!(blue < 4096 + 1 + 40 && blue > 4096 - 200 + 20, "{blue}");
}

#[test]
fn each_slash_8_has_a_border_and_its_number() {
    let empty = Picture::of("", "", "");
    for block in 0..256u32 {
        let inside = |pixel: &[u32; 2]| {
            let [column, row] = pixel;
            let number =
                (column % 64) >= 2 && (column % 64) < 32 && (row % 64) >= 2 && (row % 64) < 12;
            number && empty.colour(*column, *row) != empty.colour(40, 40)
        };
        let places = &empty.places[(block << 12) as usize..][..4096];
        let ink = places.iter().filter(|pixel| inside(pixel)).count();
        // Each digit has ten pixels or more.
        assert!(ink >= 10 * block.to_string().len(), "{block}: {ink}");
    }
    assert_eq!(empty.colour(64, 40), empty.colour(40, 64), "a line");
    assert_ne!(empty.colour(64, 40), empty.colour(40, 40));
}

#[test]
fn the_map_that_the_readme_shows_is_the_one_of_the_list_that_it_names() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let list = std::fs::read(format!("{folder}/tests/lists/ipsum_level3.txt")).unwrap();
    let contents = list::parse(&[List::new("ipsum", list)]).unwrap();
    let listed = Mask { v4: Some(24), v6: None }.widen(contents.sets);
    let protected = Protected::new(&Facts::default());
    let (sets, _) =
        Exclusions::out_of(listed, &RangeSets::default(), protected.sets(), &RangeSets::default());
    let mut bytes = Vec::new();
    Map { dropped: &sets.v4, allowed: &RangeSet::default(), protected: &protected.sets().v4 }
        .write(&mut bytes)
        .unwrap();
    let shown = std::fs::read(format!("{folder}/docs/map.png")).unwrap();
    assert!(
        Picture::decode(&shown).pixels == Picture::decode(&bytes).pixels,
        "in an empty network namespace: \
         netfilterd print --format map --mask 24 -f tests/lists/ipsum_level3.txt > docs/map.png"
    );
}
