//! Messages about single lines of lists.

use std::fmt;

use crate::ip::Families;
use crate::policy::desired::DesiredState;
use crate::policy::matches;
use crate::words::{Count, Noun};

/// Messages about single lines. They are repeated only if one of them is new, because a daemon reads
/// the same lists again and again.
#[derive(Debug, Default)]
pub struct Remarks {
    last: Vec<Remark>,
}

/// A message and its level.
type Remark = (log::Level, String);

impl Remarks {
    /// Logs the messages about lists that were just read; at level debug, if they are the same as the
    /// last time.
    pub fn log(&mut self, desired: &DesiredState, families: Families) {
        let remarks = on(desired, families);
        let news = remarks != self.last;
        for (level, remark) in &remarks {
            log::log!(if news { *level } else { log::Level::Debug }, "{remark}");
        }
        self.last = remarks;
    }
}

/// The messages about what was rejected, ignored and excluded.
fn on(desired: &DesiredState, families: Families) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut warn = |remark: &dyn fmt::Display| {
        remarks.push((log::Level::Warn, remark.to_string()));
    };
    let entries: u64 = desired.lists.summaries.iter().map(|list| list.v4 + list.v6).sum();
    log::debug!("read {}", Count(entries, Noun::Entry));
    for missing in &desired.missing {
        warn(&format_args!("{missing}; ignored by --skip-missing"));
    }
    for rejection in &desired.lists.rejections {
        warn(rejection);
    }
    let unnamed = desired.lists.rejected_lines() - desired.lists.rejections.len() as u64;
    if unnamed > 0 {
        warn(&format_args!("not shown, but also rejected: {}", Count(unnamed, Noun::Line)));
    }
    for list in desired.lists.summaries.iter().filter(|list| list.name_allows) {
        let name = &list.name;
        warn(&format_args!(
            "{name}: the name of this list says that its networks must pass, but they are dropped; give it \
             with --allow, or rename it"
        ));
    }
    for list in desired.lists.summaries.iter().filter(|list| list.unfinished) {
        let name = &list.name;
        warn(&format_args!(
            "{name}: the last line has no line end; check that the list is complete"
        ));
    }
    for entry in &desired.lists.ignored {
        warn(entry);
    }
    let unnamed = desired.lists.ignored_entries() - desired.lists.ignored.len() as u64;
    if unnamed > 0 {
        warn(&format_args!(
            "not shown, but also ignored (too wide): {}",
            Count(unnamed, Noun::Entry)
        ));
    }
    if desired.of_other_family > 0 {
        let (seen, other) = if families.v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        warn(&format_args!(
            "the table sees {seen} packets only; ignored of {other}: {}; a table of family inet sees \
             both",
            Count(desired.of_other_family, Noun::Network)
        ));
    }
    remarks.extend(on_exclusions(desired));
    remarks.extend(on_cut_off(desired));
    remarks
}

/// The messages about the first entries that hold excluded addresses, and about what these are. One
/// entry may hold several protected addresses.
fn on_exclusions(desired: &DesiredState) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if !desired.exclusions.protected.is_empty() {
        let named = desired.naming_protected().flat_map(|origin| {
            let items = desired.protected.items().iter();
            items
                .filter(move |item| item.entry().overlaps(origin.wide))
                .map(move |item| (origin, item))
        });
        for (origin, item) in named.take(matches::NAMED) {
            let origin = origin.place();
            remarks.push((log::Level::Warn, format!("{origin} holds {item}, which is protected")));
        }
    }
    if !desired.exclusions.allowed.is_empty() {
        let wide: Vec<_> = desired.naming_allowed().map(|origin| origin.wide).collect();
        for (origin, allowed) in desired.naming_allowed().zip(desired.allowed.first_with(&wide)) {
            let allowed = allowed.unwrap_or_default();
            let origin = origin.place();
            remarks
                .push((log::Level::Info, format!("{origin} overlaps {allowed}, which is allowed")));
        }
    }
    remarks
}

/// The messages about networks of the host that the lists cut off, or would cut off.
fn on_cut_off(desired: &DesiredState) -> Vec<Remark> {
    let networks = desired.cut_off();
    let warn = |remark| (log::Level::Warn, remark);
    let mut remarks: Vec<_> =
        networks.iter().take(matches::NAMED).map(|cut| warn(cut.to_string())).collect();
    if let Some(unnamed) = networks.len().checked_sub(matches::NAMED).filter(|&more| more > 0) {
        let unnamed = Count(unnamed as u64, Noun::Network);
        remarks.push(warn(format!("not shown, but also cut off, or prevented from it: {unnamed}")));
    }
    remarks
}
