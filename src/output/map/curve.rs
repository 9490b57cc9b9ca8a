//! The Hilbert curve: a line through all cells of a square. Cells that are close on the line are close in
//! the square.
//!
//! A network with an even prefix length is a square, a network with an odd length two squares side by
//! side. The same network is at the same place on every map.

/// Column and row, from the upper left corner, of the cell at `index` on the curve through a square of
/// `side` by `side` cells. `side` is a power of two.
pub fn cell(index: u32, side: u32) -> (u32, u32) {
    let (mut column, mut row) = (0, 0);
    let mut rest = index;
    let mut square = 1;
    // From the smallest square to the largest: each is four smaller ones, rotated to join.
    while square < side {
        let right = (rest / 2) & 1;
        let down = (rest ^ right) & 1;
        if down == 0 {
            if right == 1 {
                (column, row) = (square - 1 - column, square - 1 - row);
            }
            (column, row) = (row, column);
        }
        column += square * right;
        row += square * down;
        rest /= 4;
        square *= 2;
    }
    (column, row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_is_met_once_and_touches_the_next() {
        for side in [1, 2, 4, 16, 256] {
            let mut met = vec![false; (side * side) as usize];
            let mut last = None;
            for index in 0..side * side {
                let (column, row) = cell(index, side);
                let met = &mut met[(row * side + column) as usize];
                assert!(!std::mem::replace(met, true), "{index} of {side}");
                if let Some((before, above)) = last.replace((column, row)) {
                    assert_eq!(column.abs_diff(before) + row.abs_diff(above), 1, "{index}");
                }
            }
        }
    }

    #[test]
    fn a_network_of_an_even_length_is_a_square() {
        // On a map with a cell for each /20, as long as 2 to 20 bits.
        for length in (2..=20).step_by(2) {
            let cells = 1 << (20 - length);
            for network in [0, 1, 2, (1 << length) - 1] {
                let inside = (0..cells).map(|index| cell(network * cells + index, 1 << 10));
                let (columns, rows): (Vec<u32>, Vec<u32>) = inside.unzip();
                let span = |of: &[u32]| of.iter().max().unwrap() - of.iter().min().unwrap() + 1;
                assert_eq!(span(&columns), 1 << (10 - length / 2), "{network}/{length}");
                assert_eq!(span(&rows), span(&columns));
            }
        }
    }

    #[test]
    fn the_map_begins_at_the_upper_left_and_ends_at_the_upper_right() {
        assert_eq!(cell(0, 1024), (0, 0));
        assert_eq!(cell((1 << 20) - 1, 1024), (1023, 0));
    }
}
