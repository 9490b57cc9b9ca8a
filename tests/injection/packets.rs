//! Packets all the time, from a source that all lists have and from one that none has.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kit::{FOE4, FRIEND4, INSIDE4, Wire, patience};

/// From one pair of packets to the next.
const EVERY: Duration = Duration::from_millis(2);

/// A stream of packets from both sources, until it is dropped.
pub struct Stream {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Whether a list is in force, which is written into packets.
    in_force: AtomicBool,
    stop: AtomicBool,
    /// Packets of the source that is not listed.
    sent: AtomicU64,
    came: AtomicU64,
    /// Packets of the listed source that have come although a list was in force.
    let_through: AtomicU64,
}

impl Stream {
    /// Sends from the outside of a wire to its inside.
    pub fn new(wire: &Wire) -> Self {
        let receiver = wire.inside.within(|| UdpSocket::bind((INSIDE4, 0)).unwrap());
        receiver.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let to = receiver.local_addr().unwrap();
        let senders = wire
            .outside
            .within(|| [FOE4, FRIEND4].map(|source| UdpSocket::bind((source, 0)).unwrap()));
        let shared = Arc::<Shared>::default();
        let (sending, receiving) = (shared.clone(), shared.clone());
        let threads = vec![
            thread::spawn(move || sending.send(&senders, to)),
            thread::spawn(move || receiving.receive(&receiver)),
        ];
        Stream { shared, threads }
    }

    /// From now on a list is in force.
    pub fn begin(&self) {
        self.shared.in_force.store(true, SeqCst);
    }

    /// From now on no list need be in force. Waits until packets come that were sent since.
    pub fn pause(&self) {
        self.shared.in_force.store(false, SeqCst);
        let end = Instant::now() + patience(2000);
        let came = self.shared.came.load(SeqCst);
        // What was written before it, and one more pair; they come in turn.
        while self.shared.came.load(SeqCst) < came + 3 && Instant::now() < end {
            thread::sleep(EVERY);
        }
    }

    /// Why it is wrong what became of the packets until now, if it is.
    pub fn judge(&self) -> Result<(), String> {
        let let_through = self.shared.let_through.swap(0, SeqCst);
        if let_through > 0 {
            return Err(format!("{let_through} packets from a listed source were let through"));
        }
        let sent = self.shared.sent.load(SeqCst);
        let end = Instant::now() + patience(2000);
        while self.shared.came.load(SeqCst) < sent {
            if Instant::now() > end {
                let dropped = sent - self.shared.came.swap(sent, SeqCst);
                return Err(format!("{dropped} packets from an unlisted source were dropped"));
            }
            thread::sleep(EVERY);
        }
        Ok(())
    }
}

impl Shared {
    fn send(&self, [foe, friend]: &[UdpSocket; 2], to: SocketAddr) {
        while !self.stop.load(SeqCst) {
            let byte = [u8::from(self.in_force.load(SeqCst))];
            foe.send_to(&byte, to).unwrap();
            friend.send_to(&byte, to).unwrap();
            self.sent.fetch_add(1, SeqCst);
            thread::sleep(EVERY);
        }
    }

    fn receive(&self, receiver: &UdpSocket) {
        let mut byte = [0];
        while !self.stop.load(SeqCst) {
            let source = match receiver.recv_from(&mut byte) {
                Ok((_, source)) => source.ip().to_string(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            };
            if source == FRIEND4 {
                self.came.fetch_add(1, SeqCst);
            } else if byte == [1] {
                self.let_through.fetch_add(1, SeqCst);
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_packet_that_is_misjudged_is_noticed() {
    let wire = Wire::new();
    let stream = Stream::new(&wire);
    stream.pause();
    stream.judge().unwrap();
    stream.begin();
    kit::eventually("packets come through", || stream.judge().is_err());
    stream.pause();
    stream.judge().unwrap_or_default();
    let rule = format!("ip saddr {{ {FOE4}, {FRIEND4} }} drop");
    let chain = format!("chain c {{ type filter hook prerouting priority 0\n {rule}\n }}\n");
    wire.inside.nft(&format!("table ip t {{\n {chain} }}\n"));
    stream.begin();
    kit::eventually("packets are dropped", || {
        stream.judge().err().is_some_and(|why| why.contains("dropped"))
    });
}
