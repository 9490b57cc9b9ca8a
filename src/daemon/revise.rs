//! What changes while the lists stay the same: entries expire, and other addresses are protected.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::back_end::BackEnd;
use super::{Daemon, notify};
use crate::daemon::backoff::Backoff;
use crate::error::Error;
use crate::netlink::route;
use crate::sys;

/// How long to gather changes of addresses: an interface gets several addresses and routes in turn.
const GATHER: Duration = Duration::from_millis(100);

/// The pause after a lookup of protected addresses, as a multiple of the time that it took: routes may
/// change all the time, and a lookup of a million takes half a second.
const REST: u32 = 10;

/// How often expired entries are removed where there is no timer, and the longest pause between attempts.
const LONGEST: Duration = Duration::from_secs(60);

/// When to attempt again to put in force what has changed, or to receive changes of addresses.
pub const RETRY: Backoff = Backoff::new(Duration::from_secs(5), LONGEST);

impl<B: BackEnd> Daemon<'_, B> {
    pub(super) fn set_alarm(&mut self) {
        let set = match self.pipeline.next_end() {
            Some(end) => self.alarm.set(end),
            None => self.alarm.unset(),
        };
        if let Err(error) = set {
            log::error!(
                "cannot set the timer for entries that expire: {error}; removing them every {} s",
                LONGEST.as_secs()
            );
            self.revise_at.get_or_insert(Instant::now() + LONGEST);
        }
    }

    pub(super) fn alarm_fired(&mut self) {
        if matches!(self.alarm.has_fired(), Ok(false)) {
            return;
        }
        // An entry has expired, or the clock was set.
        self.revise_at = Some(Instant::now());
    }

    pub(super) fn addresses_changed(&mut self) {
        let Some(watch) = &mut self.addresses else { return };
        match watch.drain_addresses(|address| self.pipeline.has_protected(address)) {
            Ok(false) => {}
            Ok(true) => {
                let at = (Instant::now() + GATHER).max(self.rest_until);
                self.revise_at.get_or_insert(at);
            }
            Err(error) => {
                log::debug!("receiving changes of addresses again, after an error: {error}");
                self.follow_addresses();
                self.revise_at.get_or_insert(Instant::now() + GATHER);
            }
        }
    }

    pub(super) fn follow_addresses(&mut self) {
        self.addresses = match route::Monitor::open_for_addresses() {
            Ok(monitor) => {
                self.follow.succeeded();
                Some(monitor)
            }
            Err(error) => {
                let is_news = !self.follow.is_failing();
                let pause = self.follow.failed(Instant::now());
                log::log!(
                    if is_news { log::Level::Warn } else { log::Level::Debug },
                    "cannot receive changes of addresses and routes: {error}; retrying in {} s",
                    pause.as_secs()
                );
                None
            }
        };
    }

    pub(super) fn follow_addresses_if_due(&mut self, now: Instant) {
        if self.follow.is_due(now) {
            self.follow_addresses();
            // What has changed meanwhile was not received.
            self.revise_at.get_or_insert(now);
        }
    }

    pub(super) fn look_at_host_if_due(&mut self, now: Instant) {
        if !self.host.is_due(now) {
            return;
        }
        if self.pipeline.host_has_changed() {
            self.revise_at = Some(now);
        }
        if let Some(host) = self.pipeline.host() {
            self.host.looked(host.paths(), host.is_complete(), now);
        }
    }

    /// The time at which [`Daemon::revise_if_due`] must be called; `None` for never.
    pub(super) fn revise_due(&self) -> Option<Instant> {
        [self.revise_at, self.revise_again.due()].into_iter().flatten().min()
    }

    pub(super) fn revise_if_due(&mut self, now: Instant) {
        let is_due = self.revise_at.take_if(|at| *at <= now).is_some();
        if !self.revise_again.is_due(now) && !is_due {
            return;
        }
        let Some(held) = self.back_end.held() else { return };
        let revised = self.pipeline.revise(&held, |sets| self.back_end.apply(sets));
        self.rest_until = Instant::now() + self.pipeline.lookup() * REST;
        drop(held);
        sys::give_memory_back();
        match revised {
            Ok(loaded) => {
                self.revise_again.succeeded();
                self.set_alarm();
                self.status.revised(loaded.as_ref());
                self.write_status();
                if let Some(loaded) = loaded {
                    log::info!("{loaded}");
                    notify(&[NotifyState::Status(&loaded.to_string())]);
                }
            }
            Err(error) => self.not_revised(&error),
        }
    }

    /// Records that what has changed could not be put in force. The alarm stays off: the entry has expired
    /// already, so the alarm would fire at once.
    fn not_revised(&mut self, error: &Error) {
        let pause = self.revise_again.failed(Instant::now());
        let before = self.status.not_applied.as_ref();
        let is_news = before.is_none_or(|before| before.line != error.for_everybody());
        log::log!(
            if is_news { log::Level::Error } else { log::Level::Debug },
            "cannot apply expired entries or changed protected addresses: {error}; retrying in {} s",
            pause.as_secs()
        );
        self.status.not_revised(error, pause);
        self.write_status();
    }
}
