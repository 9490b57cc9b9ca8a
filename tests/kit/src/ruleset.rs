//! The shipped rulesets: loaded, filled by the command in their own comment, asked by packets.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use super::{FOES, Folder, Namespace, TOP, Wire, bind_again, patience};

/// The path of a file in rulesets/.
pub fn path(file: &str) -> String {
    format!("{}/rulesets/{file}", TOP)
}

/// What is in it.
pub fn shipped(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

/// A wire whose inside has a ruleset of this name, filled with the foes.
#[track_caller]
pub fn with_ruleset(file: &str) -> Wire {
    let (wire, text) = (Wire::new(), shipped(file));
    wire.inside.nft(&text);
    fill(&wire.inside, &text);
    wire
}

/// Fills the sets of a ruleset with the foes, by the command that its comment gives.
#[track_caller]
pub fn fill(namespace: &Namespace, text: &str) {
    let command = text.lines().find_map(|line| line.strip_prefix("#\tnetfilterd --table "));
    let command = command.expect("the file says how it is filled");
    let (table, options) = command[1..].split_once('\'').unwrap();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let options: Vec<&str> = options.split_whitespace().collect();
    let ran = namespace.load(&[&["-f", &list, "--table", table], &options[..]].concat());
    assert!(!ran.stderr().contains("warning"), "{table}: {}", ran.stderr());
}

/// Connects from an address outside to a port inside, where somebody listens.
pub fn connect(wire: &Wire, from: &str, to: &str, port: u16) -> std::io::Result<()> {
    let to: IpAddr = to.parse().unwrap();
    let _listener = wire.inside.within(|| bind_again(|| TcpListener::bind((to, port))));
    dial(&wire.outside, from, (to, port).into()).map(drop)
}

/// Connects from an address of a namespace.
pub fn dial(namespace: &Namespace, from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let from: IpAddr = from.parse().unwrap();
    namespace.within(|| {
        let domain = socket2::Domain::for_address(to);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&to.into(), patience(400))?;
        Ok(TcpStream::from(socket))
    })
}

/// Packets that a named counter of a table has seen.
#[track_caller]
pub fn packets(namespace: &Namespace, table: &str, counter: &str) -> u64 {
    let listing = namespace.nft_json(&format!("list counters table {table}"));
    let objects = listing["nftables"].as_array().unwrap();
    let mut counters = objects.iter().filter_map(|object| object.get("counter"));
    let counter = counters.find(|object| object["name"] == counter).unwrap();
    counter["packets"].as_u64().unwrap()
}

/// The elements of a set that forgets, and how many seconds each still has.
#[track_caller]
pub fn remembered(namespace: &Namespace, table: &str, set: &str) -> Vec<(String, u64)> {
    let listing = namespace.nft_json(&format!("list set {table} {set}"));
    let objects = listing["nftables"].as_array().unwrap();
    let set = objects.iter().find_map(|object| object.get("set")).unwrap();
    let none = Vec::new();
    let elements = set.get("elem").map_or(&none, |elements| elements.as_array().unwrap());
    let one = |element: &serde_json::Value| {
        let address = element["elem"]["val"].as_str().unwrap().to_string();
        (address, element["elem"]["expires"].as_u64().unwrap_or(0))
    };
    elements.iter().map(one).collect()
}
