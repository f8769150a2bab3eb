//! What the user sees: steps with their time, the story's lines, and the date of the rehearsal while it runs.
//!
//! On a terminal, long steps move; elsewhere each is a plain line, without colour.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The user's screen or log.
pub(crate) struct Screen {
    terminal: bool,
}

/// A step under way.
pub(crate) struct Step<'a> {
    screen: &'a Screen,
    what: String,
    begin: Instant,
    spinner: Option<ProgressBar>,
}

/// How grave a line of the story is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It went as it should.
    Good,
    /// It happened.
    Plain,
    /// Somebody should look.
    Bad,
}

impl Screen {
    /// Standard output, a terminal or not.
    pub(crate) fn new() -> Self {
        Self { terminal: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// A line of text.
    pub(crate) fn say(&self, text: &str) {
        // Output that nobody reads does not stop the demo.
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// A headline with an empty line before it.
    pub(crate) fn title(&self, text: &str) {
        match self.terminal {
            true => self.say(&format!("\n\x1b[1m{text}\x1b[0m")),
            false => self.say(&format!("\n{text}")),
        }
    }

    /// Begins a step; it ends with [`Step::done`].
    pub(crate) fn step(&self, what: &str) -> Step<'_> {
        let spinner = self.terminal.then(|| {
            let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        if spinner.is_none() {
            self.say(&format!("{what} …"));
        }
        Step { screen: self, what: what.to_owned(), begin: Instant::now(), spinner }
    }

    /// A bar that shows how far the rehearsal is, of `length` days.
    pub(crate) fn story(&self, length: u64) -> Story<'_> {
        let bar = self.terminal.then(|| {
            let style = ProgressStyle::with_template("{bar:40} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(length).with_style(style)
        });
        Story { screen: self, bar }
    }
}

impl Step<'_> {
    /// Ends the step; `result` says what came of it.
    pub(crate) fn done(self, result: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        let what = &self.what;
        match self.screen.terminal {
            true => self.screen.say(&format!("\x1b[32m✓\x1b[0m {what}: {result} ({seconds:.1} s)")),
            false => self.screen.say(&format!("  {result} ({seconds:.1} s)")),
        }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// The story as it unfolds.
pub(crate) struct Story<'a> {
    screen: &'a Screen,
    bar: Option<ProgressBar>,
}

impl Story<'_> {
    /// One sentence of the story, with the day on which it happened.
    pub(crate) fn tell(&self, day: &str, mood: Mood, sentence: &str) {
        let colour = match mood {
            Mood::Good => "\x1b[32m",
            Mood::Plain => "",
            Mood::Bad => "\x1b[31m",
        };
        // Later lines are indented to start under the first.
        let sentence = sentence.replace('\n', "\n            ");
        match &self.bar {
            Some(bar) => bar.suspend(|| self.screen.say(&format!("\x1b[2m{day}\x1b[0m  {colour}{sentence}\x1b[0m"))),
            None => self.screen.say(&format!("{day}  {sentence}")),
        }
    }

    /// Moves the bar.
    pub(crate) fn reach(&self, days: u64, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(days);
            bar.set_message(text.to_owned());
        }
    }
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
