//! What the kernel says of this process (Linux; elsewhere nothing is known and nothing is shown).

use std::fs;

/// Kernel ticks per second as seen by user space: 100 on every architecture that Rust's standard library supports on Linux.
const TICKS: f64 = 100.0;

/// A named value, as Prometheus clients name it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) counter: bool,
    pub(super) value: f64,
}

/// Everything that could be read.
pub(super) fn readings() -> Vec<Reading> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let gauge = |name, help, value: Option<f64>| value.map(|value| Reading { name, help, counter: false, value });
    let cpu = cpu_seconds(&stat).map(|value| Reading {
        name: "process_cpu_seconds",
        help: "User and system CPU time",
        counter: true,
        value,
    });
    [
        cpu,
        gauge("process_resident_memory_bytes", "Resident memory", kibibytes(&status, "VmRSS:")),
        gauge("process_virtual_memory_bytes", "Virtual memory", kibibytes(&status, "VmSize:")),
        gauge("process_threads", "Threads", after(&status, "Threads:")),
        gauge("process_open_fds", "Open file descriptors", open_files()),
        gauge("process_max_fds", "Most file descriptors", after(&limits, "Max open files")),
        gauge("process_start_time_seconds", "Start of the process since the epoch", start_time(&stat, &boot)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first number behind `label`.
fn after(text: &str, label: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(label))?.split_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, label: &str) -> Option<f64> {
    after(status, label).map(|kibibytes| kibibytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // The directory being read is one of them.
    u32::try_from(count.saturating_sub(1)).ok().map(f64::from)
}

/// Field `number` of `/proc/self/stat` counted as in proc(5); the name in field 2 may hold spaces and parentheses.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS)
}

fn start_time(stat: &str, boot: &str) -> Option<f64> {
    Some(after(boot, "btime ")? + field(stat, 22)? / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_spaces_and_parentheses_moves_no_field() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 3 0 1234 5 6";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_time(stat, "cpu 1 2\nbtime 1000\n"), Some(1012.34));
    }

    #[test]
    fn a_missing_file_is_a_missing_value() {
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(start_time("", ""), None);
        assert_eq!(kibibytes("", "VmRSS:"), None);
    }
}
