//! What providers of lists publish in a form of their own, a network a line.
//!
//! Here belongs a format without a header in which a column, a mark or a word says where the network
//! stands. What is CSV or JSON stands there, whoever publishes it.

pub mod dataplane;
pub mod dshield;
pub mod emule;
pub mod geofeed;
pub mod ipsum;
pub mod peerguardian;
pub mod tor;
pub mod zeek;
