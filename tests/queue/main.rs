//! Queue mode in network namespaces of the tests' own: packets that rules send to the program, and
//! their verdicts. All of it needs root and NFQUEUE.

mod faults_queue;
mod packets;
mod trouble;
