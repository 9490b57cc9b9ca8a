//! Places in the universe of kit::flags, out of the bytes of an input.

use std::ops::Range as Indices;

use libfuzzer_sys::arbitrary::{Result, Unstructured};

use kit::flags::{Number, SIZE};

/// Where the universe lies.
pub fn base<A: Number>(input: &mut Unstructured<'_>) -> Result<u128> {
    Ok(*input.choose(&A::bases())?)
}

/// Places, of which some overlap and some touch.
pub fn places(input: &mut Unstructured<'_>) -> Result<Vec<Indices<usize>>> {
    let count = input.int_in_range(0..=64)?;
    let mut places = Vec::new();
    for _ in 0..count {
        let first = input.int_in_range(0..=SIZE - 1)?;
        // Mostly short, for many to have room.
        let longest = *input.choose(&[1, 4, 16, 64, SIZE])?;
        let length = input.int_in_range(1..=longest)?;
        places.push(first..SIZE.min(first + length));
    }
    Ok(places)
}
