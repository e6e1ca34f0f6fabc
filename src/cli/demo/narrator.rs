//! How the story is laid out: days as headings, then when, who, and what happened, in columns.

use std::mem;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use crate::cli::output::{Palette, Style, line};
use crate::proto::google::r#type::{Date, Money};

/// Columns of a line of the story.
const LINE_COLUMNS: usize = 92;
/// Columns before the text: the time and who speaks.
const MARGIN_COLUMNS: usize = 20;

/// Holds a date or an amount together when its line is wrapped.
const NO_BREAK: char = '\u{a0}';

/// Prints the story.
#[derive(Debug)]
pub(super) struct Narrator {
    palette: Palette,
    today: Option<NaiveDate>,
    time: String,
}

impl Narrator {
    pub(super) fn new(palette: Palette) -> Self {
        Self {
            palette,
            today: None,
            time: String::new(),
        }
    }

    /// Goes on to an instant. A new day gets its heading.
    pub(super) fn at(&mut self, now: DateTime<Tz>) {
        let date = now.date_naive();
        if self.today != Some(date) {
            self.today = Some(date);
            let heading = date.format("%a %-d %b %Y").to_string();
            let rule = "-".repeat(LINE_COLUMNS - heading.len() - 1);
            line("");
            line(&self.palette.styled(Style::Bold, format!("{heading} {rule}")));
        }
        self.time = now.format("%H:%M").to_string();
    }

    /// Says what somebody did, and what came of it.
    pub(super) fn says(&mut self, who: &str, what: &str) {
        let time = mem::take(&mut self.time);
        for (number, text) in wrapped(what, LINE_COLUMNS - MARGIN_COLUMNS).into_iter().enumerate() {
            let (time, who) = if number == 0 { (time.as_str(), who) } else { ("", "") };
            let who = self.palette.styled(Style::Bold, format!("{who:<10}"));
            line(&format!("  {time:<5}  {who} {text}"));
        }
    }

    /// Goes on under what was said.
    pub(super) fn also(&self, style: Style, what: &str) {
        for text in wrapped(what, LINE_COLUMNS - MARGIN_COLUMNS) {
            line(&format!("{:MARGIN_COLUMNS$}{}", "", self.palette.styled(style, text)));
        }
    }

    /// A row of a table, under what was said.
    pub(super) fn row(&self, style: Style, text: &str) {
        let text = text.replace(NO_BREAK, " ");
        line(&format!("{:MARGIN_COLUMNS$}{}", "", self.palette.styled(style, text)));
    }
}

/// The words of a text in lines of at most so many columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = word.replace(NO_BREAK, " ");
        let last = lines.last_mut().expect("there is always a last line");
        if !last.is_empty() && last.len() + 1 + word.len() > columns {
            lines.push(word);
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(&word);
        }
    }
    lines
}

/// `Tue 7 Apr`, not to be wrapped. The year stands in the headings.
pub(super) fn day(date: NaiveDate) -> String {
    let text = date.format("%a %-d %b").to_string();
    text.replace(' ', &NO_BREAK.to_string())
}

/// `EUR 387.00`, not to be wrapped. The currencies of the story have two decimals.
pub(super) fn money(amount: &Money) -> String {
    let cents = amount.nanos.div_euclid(10_000_000);
    format!("{}{NO_BREAK}{}.{cents:02}", amount.currency_code, amount.units)
}

/// The civil date of a message; `None` if it is absent or no date.
pub(super) fn civil(date: Option<Date>) -> Option<NaiveDate> {
    let date = date?;
    NaiveDate::from_ymd_opt(
        date.year,
        u32::try_from(date.month).ok()?,
        u32::try_from(date.day).ok()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two\u{a0}three", 7), ["one", "two three"]);
        assert_eq!(wrapped("extraordinary", 7), ["extraordinary"]);
        assert_eq!(wrapped("", 7), [""]);
    }

    #[test]
    fn dates_and_money_read_as_people_write_them() {
        let date = Date {
            year: 2026,
            month: 4,
            day: 7,
        };
        assert_eq!(civil(Some(date)).map(day).as_deref(), Some("Tue\u{a0}7\u{a0}Apr"));
        assert_eq!(civil(None), None);
        let amount = Money {
            currency_code: "EUR".to_owned(),
            units: 387,
            nanos: 50_000_000,
        };
        assert_eq!(money(&amount), "EUR\u{a0}387.05");
    }
}
