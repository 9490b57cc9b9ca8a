//! The rows of the kernel's sets, by their names.

use kit::random::Random;
use netfilterd::nftables::layout::{Row, Rows};
use netfilterd::nftables::name::SetNames;
use netfilterd::nftables::placed::Placed;
use netfilterd::nftables::set_name::KernelSetName;

use super::{Part, for_seeds};

fn bases() -> SetNames {
    SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() }
}

fn rows_of(names: &[&str]) -> Option<String> {
    let placed = Placed::by_names(names.iter().copied(), &bases())?;
    let Rows { v4, v6 } = placed.rows;
    Some(format!("{v4}; {v6}"))
}

/// The names of the sets of rows, in the order of look-up.
fn names(rows: &Rows, generation: u64) -> Vec<String> {
    let bases = bases();
    let mut names = Vec::new();
    for (row, base) in [(&rows.v4, &bases.v4), (&rows.v6, &bases.v6)] {
        for kind in row.kinds() {
            let name = KernelSetName { content: kind.into(), generation }.format(base);
            names.push(name.into_string().unwrap());
        }
    }
    names
}

#[test]
fn the_names_of_kernel_sets_say_what_their_row_is() {
    fn check(random: &mut Random) {
        let row = |random: &mut Random| Part::random::<u32>(random).row::<u32>(random);
        let rows = Rows { v4: row(random), v6: Part::random::<u128>(random).row::<u128>(random) };
        let names = names(&rows, random.number());
        let placed = Placed::by_names(names.iter().map(String::as_str), &bases()).unwrap();
        assert!(placed.rows.v4.is_like(&rows.v4) && placed.rows.v6.is_like(&rows.v6), "{names:?}");
        assert_eq!(placed.rows.v4.to_string(), rows.v4.to_string());
        assert_eq!(placed.rows.v6.to_string(), rows.v6.to_string());
    }
    for_seeds(200, check, check);
    let none = Rows { v4: Row::NONE, v6: Row::NONE };
    assert_eq!(names(&none, 1), [""; 0]);
    assert_eq!(rows_of(&[]), Some("no sets; no sets".into()));
}

#[test]
fn sets_are_those_of_one_generation_and_of_these_names_or_not_known() {
    let all = ["drop4_first16_g7", "drop4_24_g7", "drop6_48_g7", "drop6_g7"];
    let text = "prefilter /16, hash /24; hash /48, interval";
    assert_eq!(rows_of(&all).as_deref(), Some(text));
    assert_eq!(rows_of(&["drop4_g7", "drop6_g8"]), None, "two generations");
    assert_eq!(rows_of(&["drop4_g7", "other_g7"]), None, "a set of another program");
    assert_eq!(rows_of(&["drop4"]), None, "no generation");
    // No address has so many bits.
    assert_eq!(rows_of(&["drop4_33_g7"]), None);
    assert_eq!(rows_of(&["drop4_first33_g7"]), None);
    assert_eq!(rows_of(&["drop6_129_g7"]), None);
    assert_eq!(rows_of(&["drop6_first129_g7"]), None);
    assert!(rows_of(&["drop4_32_g7", "drop6_first128_g7"]).is_some());
}
