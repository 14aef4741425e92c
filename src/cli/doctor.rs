//! `shardwire doctor`: whether this machine can run the engine, one actionable line a question.
//!
//! Invariants: changes nothing; what cannot be read is said to be unknown, not taken for good.
//! `serve` shows the complaints when the shards did not start.

use std::fs;

use clap::Args;

use super::{Failure, output};

/// Look at this machine: kernel, io_uring, memory lock, files, CPUs, accept queue
#[derive(Args)]
#[command(after_help = "Exit status 1 says that something would keep the server from starting.")]
pub(super) struct Arguments {}

/// Locked memory that one shard's executor needs.
const MEMLOCK_BYTES_PER_SHARD: u64 = 512 * 1024;

/// Files below which a server of any size runs out.
const NOFILE_ADVISED: u64 = 65_536;

/// Connections that may wait for accept; the kernel's default since 5.4.
const SOMAXCONN_ADVISED: u64 = 4_096;

/// The oldest kernel with everything the driver asks of the ring.
const KERNEL_MIN: (u32, u32) = (6, 1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Good,
    /// It runs, but not as well as it could.
    Poor,
    /// It would not run.
    Fatal,
}

/// One question's answer.
struct Finding {
    grade: Grade,
    text: String,
}

pub(super) fn run(_: &Arguments) -> Result<(), Failure> {
    let findings = examine();
    let lines: Vec<String> = findings.iter().map(line).collect();
    output::say(&lines.join("\n"))?;
    match findings.iter().any(|finding| finding.grade == Grade::Fatal) {
        true => Err(Failure::machine("")),
        false => Ok(()),
    }
}

/// The lines of everything that is not good.
pub(super) fn complaints() -> String {
    let findings = examine();
    let bad = findings.iter().filter(|finding| finding.grade != Grade::Good);
    bad.map(line).collect::<Vec<String>>().join("\n")
}

fn examine() -> Vec<Finding> {
    let cpus = cpus();
    let shards = cpus.len().max(1) as u64;
    let limits = read("/proc/self/limits");
    vec![
        judge_kernel(&read("/proc/sys/kernel/osrelease")),
        judge_ring(
            io_uring::IoUring::new(8).map(drop),
            &read("/proc/sys/kernel/io_uring_disabled"),
        ),
        judge_memlock(limit(&limits, "Max locked memory"), shards),
        judge_nofile(limit(&limits, "Max open files")),
        judge_cpus(&cpus),
        judge_somaxconn(read("/proc/sys/net/core/somaxconn").trim().parse().ok()),
    ]
}

fn line(finding: &Finding) -> String {
    let mark = match finding.grade {
        Grade::Good => "ok   ",
        Grade::Poor => "warn ",
        Grade::Fatal => "FAIL ",
    };
    format!("{mark}{}", finding.text)
}

fn good(text: String) -> Finding {
    Finding { grade: Grade::Good, text }
}

fn poor(text: String) -> Finding {
    Finding { grade: Grade::Poor, text }
}

fn fatal(text: String) -> Finding {
    Finding { grade: Grade::Fatal, text }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn judge_kernel(release: &str) -> Finding {
    let release = release.trim();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (wanted, minor) = KERNEL_MIN;
    match (parts.next(), parts.next()) {
        (Some(major), Some(second)) if (major, second) >= KERNEL_MIN => {
            good(format!("kernel {release}"))
        }
        (Some(_), Some(_)) => {
            fatal(format!("kernel {release} is older than {wanted}.{minor}: upgrade the kernel"))
        }
        _ => poor("kernel: /proc/sys/kernel/osrelease is not readable".into()),
    }
}

fn judge_ring(probe: std::io::Result<()>, disabled: &str) -> Finding {
    match (probe, disabled.trim()) {
        (Ok(()), _) => good("io_uring is available".into()),
        (Err(_), "1" | "2") => {
            fatal("io_uring is switched off: sysctl -w kernel.io_uring_disabled=0".into())
        }
        (Err(error), _) => fatal(format!(
            "io_uring is not available ({error}): in a container, allow io_uring_setup, \
             io_uring_enter and io_uring_register in the seccomp profile"
        )),
    }
}

/// The soft limit of a line of /proc/self/limits; `u64::MAX` is unlimited.
fn limit(limits: &str, name: &str) -> Option<u64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn judge_memlock(bytes: Option<u64>, shards: u64) -> Finding {
    let wanted = shards * MEMLOCK_BYTES_PER_SHARD;
    let wanted_kib = wanted / 1024;
    match bytes {
        Some(u64::MAX) => good("locked memory: unlimited".into()),
        Some(bytes) if bytes >= wanted => good(format!("locked memory: {} KiB", bytes / 1024)),
        Some(bytes) if bytes >= MEMLOCK_BYTES_PER_SHARD => poor(format!(
            "locked memory: {} KiB is not enough for {shards} shards: ulimit -l {wanted_kib} \
             (systemd: LimitMEMLOCK=)",
            bytes / 1024
        )),
        Some(bytes) => fatal(format!(
            "locked memory: {} KiB, one shard needs 512: ulimit -l {wanted_kib} \
             (systemd: LimitMEMLOCK=)",
            bytes / 1024
        )),
        None => poor("locked memory: unknown, /proc/self/limits is not readable".into()),
    }
}

fn judge_nofile(files: Option<u64>) -> Finding {
    match files {
        Some(files) if files >= NOFILE_ADVISED => good(format!("open files: {files}")),
        Some(files) => poor(format!(
            "open files: {files}, so about as many connections: ulimit -n 1048576 \
             (systemd: LimitNOFILE=)"
        )),
        None => poor("open files: unknown, /proc/self/limits is not readable".into()),
    }
}

/// The CPUs this process may use.
fn cpus() -> Vec<usize> {
    let status = read("/proc/self/status");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(|list| cpu_list(list.trim())).unwrap_or_default()
}

/// The numbers of a list such as `0-3,8`.
fn cpu_list(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

fn judge_cpus(cpus: &[usize]) -> Finding {
    match cpus.len() {
        0 => poor("CPUs: unknown, /proc/self/status is not readable".into()),
        1 => good("CPUs: 1, so one shard".into()),
        count => good(format!("CPUs: {count} usable, so {count} shards with cores: auto")),
    }
}

fn judge_somaxconn(somaxconn: Option<u64>) -> Finding {
    match somaxconn {
        Some(count) if count >= SOMAXCONN_ADVISED => good(format!("accept queue: {count}")),
        Some(count) => poor(format!(
            "accept queue: {count}, connections are refused in a rush: \
             sysctl -w net.core.somaxconn={SOMAXCONN_ADVISED}"
        )),
        None => poor("accept queue: net.core.somaxconn is not readable".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grade(finding: Finding) -> Grade {
        finding.grade
    }

    #[test]
    fn kernels_before_the_oldest_supported_are_fatal() {
        assert!(grade(judge_kernel("6.1.0-18-amd64\n")) == Grade::Good);
        assert!(grade(judge_kernel("10.0")) == Grade::Good);
        assert!(grade(judge_kernel("5.15.0")) == Grade::Fatal);
        assert!(grade(judge_kernel("")) == Grade::Poor);
    }

    #[test]
    fn locked_memory_is_judged_by_shards() {
        let kib = |count: u64| Some(count * 1024);
        assert!(grade(judge_memlock(kib(511), 1)) == Grade::Fatal);
        assert!(grade(judge_memlock(kib(512), 1)) == Grade::Good);
        assert!(grade(judge_memlock(kib(1_023), 2)) == Grade::Poor);
        assert!(grade(judge_memlock(kib(1_024), 2)) == Grade::Good);
        assert!(grade(judge_memlock(Some(u64::MAX), 64)) == Grade::Good);
    }

    #[test]
    fn limits_and_cpu_lists_are_read_as_the_kernel_writes_them() {
        let limits = "Max open files            1024                 4096                 files\n\
            Max locked memory         unlimited            unlimited            bytes\n";
        assert_eq!(limit(limits, "Max open files"), Some(1_024));
        assert_eq!(limit(limits, "Max locked memory"), Some(u64::MAX));
        assert_eq!(limit(limits, "Max nothing"), None);
        assert_eq!(cpu_list("0-3,8"), [0, 1, 2, 3, 8]);
        assert!(cpu_list("").is_empty());
    }

    #[test]
    fn a_switched_off_ring_names_its_switch() {
        let refused = Err(std::io::ErrorKind::PermissionDenied.into());
        let finding = judge_ring(refused, "2\n");
        assert!(finding.text.contains("kernel.io_uring_disabled=0"));
        assert!(finding.grade == Grade::Fatal);
    }
}
