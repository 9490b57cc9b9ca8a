//! Range sets for people and other programs: [`print`](mod@print) as text, `map` as a picture.

#[cfg(feature = "map")]
pub mod map;
pub mod print;
