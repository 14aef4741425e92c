//! What the kernel says of processes and threads: CPU time and memory, from /proc.
//!
//! Invariants: CPU time is the scheduler's own count in nanoseconds, summed over the threads; where
//! something cannot be read there is no figure, rather than a zero.

use std::fs;
use std::path::{Path, PathBuf};

/// What processes have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_ns: u64,
    /// Clock ticks in user mode and in the kernel: only their ratio is of use.
    pub user_ticks: u64,
    pub system_ticks: u64,
    pub rss_bytes: u64,
    pub rss_peak_bytes: u64,
}

impl Usage {
    /// Of these processes together; `None` where one of them cannot be read.
    pub fn of(pids: &[u32]) -> Option<Usage> {
        let mut sum = Usage::default();
        for pid in pids {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            let (user_ticks, system_ticks) = ticks(&read(&folder.join("stat"))?)?;
            let status = read(&folder.join("status"))?;
            sum.cpu_ns += cpu_ns(&folder)?;
            sum.user_ticks += user_ticks;
            sum.system_ticks += system_ticks;
            sum.rss_bytes += status_bytes(&status, "VmRSS:")?;
            sum.rss_peak_bytes += status_bytes(&status, "VmHWM:")?;
        }
        (!pids.is_empty()).then_some(sum)
    }
}

/// CPU time of all threads of a process.
fn cpu_ns(process: &Path) -> Option<u64> {
    let threads = fs::read_dir(process.join("task")).ok()?.flatten();
    // A thread that ends between the listing and the reading has no figure any more.
    Some(threads.filter_map(|thread| thread_cpu_ns(&thread.path())).sum())
}

/// CPU time of one thread.
pub fn thread_cpu_ns(thread: &Path) -> Option<u64> {
    read(&thread.join("schedstat"))?.split(' ').next()?.parse().ok()
}

/// The calling thread in /proc, to be read by others.
pub fn this_thread() -> Option<PathBuf> {
    Some(Path::new("/proc").join(fs::read_link("/proc/thread-self").ok()?))
}

/// User and system ticks: fields 14 and 15, counted behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The processes that listen on a port of this machine, as far as they may be looked at.
pub fn listening(port: u16) -> Vec<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| read(Path::new(table)));
    let inodes: Vec<String> =
        tables.into_iter().flatten().flat_map(|table| inodes(&table, port)).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| has_socket(*pid, &inodes)).collect()
}

/// The sockets of a table that listen on a port.
fn inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTEN;
        listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    table.lines().filter_map(of_line).collect()
}

fn has_socket(pid: u32, inodes: &[String]) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|link| {
        let name = link.to_string_lossy();
        let inode = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.iter().any(|one| one == inode))
    })
}

/// What this machine is: for whoever reads the figures elsewhere.
pub fn machine() -> serde_json::Value {
    let cpuinfo = read(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(": ")).map(|(_, model)| model.trim());
    let kernel = read(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    serde_json::json!({
        "cpus": cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
        "model": model,
        "kernel": kernel.trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194304 100 0 0 0 42 17 0 0 20 0 3 0 9 1 2";
        assert_eq!(ticks(stat), Some((42, 17)));
        assert_eq!(ticks("nothing"), None);
        assert_eq!(status_bytes("VmHWM:\t  12 kB\nVmRSS:\t 10 kB\n", "VmRSS:"), Some(10_240));
    }

    #[test]
    fn a_table_tells_who_listens() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1";
        assert_eq!(inodes(table, 8080), ["4711"]);
        assert_eq!(inodes(table, 22), ["4713"]);
        assert!(inodes(table, 1).is_empty());
    }

    #[test]
    fn this_process_can_be_read_and_found() {
        let own = std::process::id();
        let usage = Usage::of(&[own]).unwrap();
        assert!(usage.rss_bytes > 0 && usage.rss_peak_bytes >= usage.rss_bytes);
        assert!(thread_cpu_ns(&this_thread().unwrap()).is_some());
        assert_eq!((Usage::of(&[]), Usage::of(&[own, u32::MAX])), (None, None));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening(port).contains(&own));
    }
}
