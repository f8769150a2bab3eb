//! How much memory the operator may use: `--memory`, or four fifths of what its container has.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use num_traits::ToPrimitive;
use rust_decimal::Decimal;

use crate::api::scalar::shorten;

/// The least that the operator works with.
const LEAST: u64 = 64 << 20;

/// What a row takes while its contract is judged: some 23 bytes in columns and in its ledger, and about as much again in what the judgement
/// works out of it.
const BYTES_OF_A_ROW: u64 = 48;

/// A number of bytes, such as `400Mi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(u64);

/// A text that is not a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an amount of memory: write a number of bytes of at least 64Mi with its unit (Ki, Mi, Gi), such as 400Mi or 1.5Gi"
)]
pub struct NoMemory {
    text: String,
}

impl FromStr for Memory {
    type Err = NoMemory;

    fn from_str(text: &str) -> Result<Self, NoMemory> {
        let wrong = || NoMemory { text: shorten(text) };
        let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let bytes: u64 = match unit {
            "" => 1,
            "k" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "T" => 1_000_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            _ => return Err(wrong()),
        };
        let number: Decimal = number.parse().map_err(|_| wrong())?;
        let bytes = number.checked_mul(bytes.into()).and_then(|bytes| bytes.trunc().to_u64());
        bytes.filter(|bytes| *bytes >= LEAST).map(Memory).ok_or_else(wrong)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}Mi", self.0 >> 20)
    }
}

impl Memory {
    /// Four fifths of the limit of this process's control group; without a limit, of the machine's memory.
    #[must_use]
    pub fn of_this_process() -> Memory {
        Self::found_in(Path::new("/"))
    }

    fn found_in(root: &Path) -> Memory {
        let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
        let number = |text: String| text.trim().parse::<u64>().ok();
        let of_machine = || {
            let text = read("proc/meminfo")?;
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim();
            line.strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
        };
        // Where there is no limit, version 1 of control groups shows the greatest multiple of a page.
        let limited = |limit: &u64| *limit < 1 << 60;
        let limit = read("sys/fs/cgroup/memory.max")
            .and_then(number)
            .or_else(|| read("sys/fs/cgroup/memory/memory.limit_in_bytes").and_then(number).filter(limited))
            .or_else(of_machine)
            .unwrap_or(512 << 20);
        Memory((limit / 5 * 4).max(LEAST))
    }

    /// What rows, and what judgements worked out of them, may take of it: half. The other half is for the objects of the
    /// cluster, their judgements, the store's own pages and what a judgement needs while it runs.
    #[must_use]
    pub fn for_evidence(self) -> usize {
        usize::try_from(self.0 / 2).unwrap_or(usize::MAX)
    }

    /// How many rows a contract may have: as many as [`Self::for_evidence`] holds while the contract is judged by all of them.
    #[must_use]
    pub fn rows_of_a_contract(self) -> u64 {
        self.0 / 2 / BYTES_OF_A_ROW
    }

    /// How many bytes the rows of a contract may take with their sets of labels: 15/32 of [`Self::for_evidence`]. As much again is
    /// for what their judgement works out of them, and the rest for rows that are packed otherwise once others come beside them.
    #[must_use]
    pub fn bytes_of_a_contract(self) -> usize {
        self.for_evidence() / 32 * 15
    }

    /// What the text of large answers may take of it while they arrive: 15 %, and room for two of them for each of two namespaces.
    #[must_use]
    pub fn for_text(self) -> usize {
        usize::try_from(self.0 / 100 * 15).unwrap_or(usize::MAX).max(42 << 20)
    }

    /// What answers may take of it while they are read: 30 %, half of it for one answer.
    #[must_use]
    pub fn for_reading(self) -> usize {
        usize::try_from(self.0 / 100 * 30).unwrap_or(usize::MAX)
    }

    /// How many rows one fetch may bring: one for each 8 KiB, between 10,000 and 200,000.
    #[must_use]
    pub fn rows_of_a_fetch(self) -> usize {
        usize::try_from(self.0 >> 13).unwrap_or(usize::MAX).clamp(10_000, 200_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_of_memory_is_written_as_kubernetes_writes_it() {
        for (text, bytes) in [
            ("134217728", 128 << 20),
            ("400Mi", 400 << 20),
            ("1.5Gi", 3 << 29),
            ("300M", 300_000_000),
            ("65536Ki", 64 << 20),
            ("2G", 2_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Memory(bytes)), "{text}");
        }
        for text in ["", "Mi", "400", "63Mi", "-1Gi", "1 Gi", "400MB", "1e9", "many", "99999999999999999999999999999Ti"]
        {
            let error = text.parse::<Memory>().unwrap_err().to_string();
            assert!(error.contains("such as 400Mi or 1.5Gi"), "{text}: {error}");
        }
    }

    #[test]
    fn answers_have_a_share_of_it() {
        let shares = |text: &str| {
            let memory: Memory = text.parse().unwrap();
            (memory.for_text() >> 20, memory.for_reading() >> 20, memory.rows_of_a_fetch())
        };
        assert_eq!(shares("64Mi"), (42, 19, 10_000));
        assert_eq!(shares("400Mi"), (60, 120, 51_200));
        assert_eq!(shares("2Gi"), (307, 614, 200_000));
    }

    #[test]
    fn a_contract_has_no_more_rows_than_the_evidence_s_share_holds() {
        for (text, rows) in [("64Mi", 699_050), ("410Mi", 4_478_293), ("5Gi", 55_924_053)] {
            let memory: Memory = text.parse().unwrap();
            assert_eq!(memory.rows_of_a_contract(), rows, "{text}");
            assert!(memory.rows_of_a_contract() * BYTES_OF_A_ROW <= memory.for_evidence() as u64);
            assert!(memory.bytes_of_a_contract() < memory.for_evidence() / 2, "its judgement takes as much again");
        }
    }

    #[test]
    fn without_the_flag_it_is_four_fifths_of_the_container_s_limit_or_of_the_machine() {
        let meminfo = ("proc/meminfo", "MemTotal:        1048576 kB\nMemFree: 1 kB\n");
        for (files, expected) in [
            (vec![("sys/fs/cgroup/memory.max", "268435456\n"), meminfo], 214_748_364),
            (vec![("sys/fs/cgroup/memory.max", "max\n"), meminfo], 858_993_456),
            (vec![("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"), meminfo], 429_496_728),
            (vec![("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), meminfo], 858_993_456),
            (vec![meminfo], 858_993_456),
            (vec![("sys/fs/cgroup/memory.max", "1048576\n")], 64 << 20),
            (vec![], 429_496_728),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (path, content) in &files {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            assert_eq!(Memory::found_in(root.path()), Memory(expected), "{files:?}");
        }
    }
}
