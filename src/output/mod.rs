//! Range sets as output: [`print`](mod@print) writes text for people and programs,
//! [`script`] sets with rules for nft, `map` a picture.

#[cfg(feature = "map")]
pub mod map;
pub mod print;
pub mod script;
