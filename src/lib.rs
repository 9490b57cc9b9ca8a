//! netfilterd keeps the kernel's packet filter in step with a list of bad networks.
//!
//! The data takes one way, and each module knows only those to its left:
//!
//! ```text
//! bytes -> entries -> range sets -> layout -> plan -> batch -> kernel
//!                         |
//!                         +-> queue mode: the same range sets answer per packet
//! ```
//!
//! The modules in reading order. From bytes to what is wanted:
//!
//! * [`address`]: addresses of both families as numbers.
//! * [`range`]: ranges of addresses and the canonical set of them.
//! * [`mask`]: widening to a prefix length.
//! * [`list`]: bytes to entries; files, the grammar of drop_ips(5), the formats of feeds.
//! * [`allow`]: lists of what is not to be dropped.
//! * [`protect`]: what must never be dropped, by facts about the host.
//! * [`cut`]: taking both out of a range set.
//! * [`spot`]: which entries named what is taken out.
//! * [`course`]: what is in force at other times, where entries end.
//! * [`guard`]: whether a result may be put in force.
//! * [`wanted`]: what the lists ask for, by all of these.
//!
//! From there to people and other tools:
//!
//! * [`map`]: the IPv4 space as a picture.
//! * [`print`](mod@print): range sets as text.
//!
//! To the kernel:
//!
//! * [`name`]: names that nft can type.
//! * [`layout`]: how a range set is laid out in kernel sets.
//! * [`plan`]: held against wanted, in that form.
//! * [`netlink`]: messages to and from the kernel.
//! * [`nft`]: range sets into nf_tables.
//! * [`queue`]: range sets into verdicts, for packets that rules send to NFQUEUE.
//! * [`sys`]: system calls; the only module with `unsafe`.
//!
//! Time after time:
//!
//! * [`route`]: the interfaces, addresses and gateways that the kernel has.
//! * [`host`]: the facts about the host, gathered.
//! * [`load`]: what every load begins and ends with: lists that were read, and the line that says
//!   what was done.
//! * [`state`]: what was in force, for the next process to know.
//! * [`reading`]: reading and judging the lists.
//! * [`repair`]: when to put back what somebody else has taken away.
//! * [`clock`]: an alarm at a time of day.
//! * [`daemon`]: the loop that loads again when it is told to.
//!
//! And what is seen of it from outside:
//!
//! * [`cli`], [`commands`]: arguments to actions, actions to exit statuses.
//! * [`status`]: what a daemon is at; [`metrics`]: the same for Prometheus.
//! * [`replace`](mod@replace): files that are never seen in part.
//! * [`pidfile`]: one daemon at a time.
//! * [`watchdog`]: saying to the service manager that the daemon is alive.
//! * [`privileges`]: what the process is still permitted.
//! * [`progress`]: what a command is at, for a person who waits.
//! * [`words`]: numbers as people read them.
//!
//! All up to [`plan`] are functions of their arguments (and, in [`list::file`], of files), and are
//! tested without privileges. Nothing but [`nft`], [`queue`], [`route`] and [`sys`] may know
//! [`netlink`]; nothing but [`daemon`] may know signals. [`nft`] and [`queue`] do not know each
//! other, and the first can be left out (feature `nftables`).

pub mod address;
pub mod allow;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod course;
pub mod cut;
pub mod daemon;
pub mod guard;
pub mod host;
pub mod layout;
pub mod list;
pub mod load;
pub mod map;
pub mod mask;
pub mod metrics;
pub mod name;
pub mod netlink;
#[cfg(feature = "nftables")]
pub mod nft;
pub mod pidfile;
pub mod plan;
pub mod print;
pub mod privileges;
pub mod progress;
pub mod protect;
pub mod queue;
pub mod range;
pub mod reading;
pub mod repair;
pub mod replace;
pub mod route;
pub mod spot;
pub mod state;
pub mod status;
pub mod sys;
pub mod wanted;
pub mod watchdog;
pub mod words;
