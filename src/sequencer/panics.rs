//! Panics of commands, and which of them anybody is to hear of.
//!
//! Once a command of a round finds that rows are not loaded, what it left half done may make others stumble, until the round
//! is loaded again and all are decided anew. That breaks no rule, and would alarm whoever reads the log.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps expected panics out of the log of the whole process; all others are told as before.
pub fn hush_expected() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IS_EXPECTED.get() {
            tell(panic);
        }
    }));
}

/// Runs what may panic, expectedly or not.
pub(super) fn caught<T>(is_expected: bool, work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    IS_EXPECTED.set(is_expected);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_EXPECTED.set(false);
    done
}

/// What a panic said.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static TOLD: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn only_a_panic_that_is_not_expected_is_told() {
        std::panic::set_hook(Box::new(|_| TOLD.set(TOLD.get().saturating_add(1))));
        hush_expected();
        let stumble = |is_expected| caught(is_expected, || panic!("{is_expected}"));
        for (is_expected, told) in [(true, 0), (false, 1), (true, 1), (false, 2)] {
            let panic = stumble(is_expected).expect_err("it panics");
            assert_eq!(message(panic.as_ref()), is_expected.to_string());
            assert_eq!(TOLD.get(), told);
        }
        assert_eq!(caught(true, || 1).ok(), Some(1));
    }
}
