//! A first load that fails: the daemon goes on with what was loaded before it started.

use super::Daemon;
use super::back_end::BackEnd;
use crate::error::Error;
use crate::policy::remembered::Found;

impl<B: BackEnd> Daemon<'_, B> {
    /// Puts in force what was loaded before, after a first load that failed because of its lists.
    /// Returns whether anything is in force, so that the daemon goes on.
    pub fn restore(&mut self, error: &Error) -> bool {
        if !error.is_of_lists() {
            return false;
        }
        let found = self.back_end.found();
        match self.pipeline.restore(&found, |sets| self.back_end.apply(sets)) {
            Ok(Some(loaded)) => {
                match found {
                    Found::Nothing => log::warn!("nothing was in force; {loaded}"),
                    _ => log::warn!("{loaded}"),
                }
                self.status.restored(&loaded);
                true
            }
            Ok(None) => {
                let is_filtered = matches!(found, Found::Sets(_) | Found::Something);
                if is_filtered {
                    log::warn!(
                        "what another process has loaded stays in force; it is not repaired, and \
                         entries do not expire, until a load succeeds"
                    );
                }
                is_filtered
            }
            Err(error) => {
                log::error!("cannot restore what was loaded before: {error}");
                false
            }
        }
    }
}
