//! The program from outside, where it needs no root: what it reads, writes and answers. What is put
//! in force belongs to the tests named kernel and queue.

mod files;
mod limits;
mod print;
mod progress;
