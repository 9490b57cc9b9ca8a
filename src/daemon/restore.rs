//! A first load that fails: the daemon goes on with what was loaded before it started.

use super::Daemon;
use super::back_end::BackEnd;
use crate::policy::remembered::Found;

impl<B: BackEnd> Daemon<'_, B> {
    /// Puts in force what was loaded before, after a first load that failed because of its lists, or
    /// because their file system does not answer. Returns whether anything is in force, so that the
    /// daemon goes on.
    pub fn restore(&mut self, lists_answer: bool) -> bool {
        let found = self.back_end.found();
        let apply = |sets: &_| self.back_end.apply(sets);
        match self.pipeline.restore(&found, lists_answer, apply) {
            Ok(Some(loaded)) => {
                match found {
                    Found::Nothing => log::warn!("nothing was in force; {loaded}"),
                    _ => log::warn!("{loaded}"),
                }
                self.status.restored(&loaded);
            }
            Ok(None) => {
                self.is_filtered = matches!(found, Found::Sets(_) | Found::Something);
                if self.is_filtered {
                    log::warn!(
                        "what another process has loaded stays in force; it is not repaired, and \
                         entries do not expire, until a load succeeds"
                    );
                }
            }
            Err(error) => log::error!("cannot restore what was loaded before: {error}"),
        }
        self.has_loaded()
    }
}
