//! Range sets for people and other programs: [`print`](mod@print) as text, [`map`] as a picture.

pub mod map;
pub mod print;
