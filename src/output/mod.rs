//! Range sets as output: [`print`](mod@print) writes text for people and programs, `map` a picture.

#[cfg(feature = "map")]
pub mod map;
pub mod print;
