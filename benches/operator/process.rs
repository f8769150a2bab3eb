//! What a process takes of memory and of processor time, as the kernel counts it.

use std::fmt;
use std::time::{Duration, Instant};

/// The kernel's ticks of processor time in a second, which Linux shows as 100 on all machines.
const TICKS: f64 = 100.0;

/// Resident memory in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// All of it.
    pub total: f64,
    /// The process's own: heap and stacks.
    pub anonymous: f64,
    /// Pages of files, most of them the program's code, which the kernel may drop and read again.
    pub files: f64,
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { total, anonymous, files } = self;
        write!(formatter, "{total:.0} MiB: {anonymous:.0} anonymous, {files:.0} of files")
    }
}

/// What a process holds now.
pub(crate) fn memory(process: u32) -> Memory {
    let status = read(process, "status");
    let mebibytes = |line: &str| {
        let found = status.lines().find_map(|text| text.strip_prefix(line)).expect("the process runs");
        found.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
    };
    Memory { total: mebibytes("VmRSS:"), anonymous: mebibytes("RssAnon:"), files: mebibytes("RssFile:") }
}

/// Seconds of processor time that all threads of a process have used so far.
pub(crate) fn processor_time(process: u32) -> f64 {
    let stat = read(process, "stat");
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

/// Whether a process of this program is there and has not ended.
pub(crate) fn is_running(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z')))
}

fn read(process: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/{file}")).expect("the process runs")
}

/// A while in which a process polled, or did not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Requests that reached the vendor in it.
    pub polls: u64,
    /// How long it was.
    pub seconds: f64,
    /// Seconds of processor time that the process used in it.
    pub processor: f64,
}

impl Window {
    /// Watches a process; `polls`: how many requests of it the vendor has answered so far.
    pub(crate) async fn watch(process: u32, length: Duration, polls: impl Fn() -> u64) -> Self {
        let (began, before, used) = (Instant::now(), polls(), processor_time(process));
        tokio::time::sleep(length).await;
        let (after, spent) = (polls(), processor_time(process));
        Window { polls: after - before, seconds: began.elapsed().as_secs_f64(), processor: spent - used }
    }

    /// Milliseconds of processor time a second.
    pub(crate) fn a_second(&self) -> f64 {
        self.processor * 1_000.0 / self.seconds
    }

    /// Milliseconds of processor time a poll, with all that the process does meanwhile.
    pub(crate) fn a_poll(&self) -> f64 {
        assert!(self.polls > 0, "nothing was polled in {:.0} s", self.seconds);
        self.processor * 1_000.0 / self.polls as f64
    }

    /// The same without what the process takes when it does not poll, as another window shows it.
    pub(crate) fn a_poll_beyond(&self, idle: &Window) -> f64 {
        assert!(self.polls > 0, "nothing was polled in {:.0} s", self.seconds);
        (self.a_second() - idle.a_second()).max(0.0) * self.seconds / self.polls as f64
    }
}
