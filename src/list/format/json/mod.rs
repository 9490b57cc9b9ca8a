//! Lists in JSON: a record a line (`lines`), or one document (`document`).
//!
//! Nothing is copied of the text and nothing is kept of it: values are borrowed, and what has no name that
//! is read is only skipped. serde_json bounds the depth.

pub mod document;
mod guards;
pub mod lines;
mod path;
mod record;
mod shapes;
mod unnamed;
mod value;
mod walk;
