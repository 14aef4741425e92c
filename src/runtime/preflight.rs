//! What the machine allows, found out before anything starts: CPUs, file limit, locked memory.
//!
//! Invariants: what can be worked around is worked around and logged; what cannot is one line with
//! its remedy. Called by `launch`, and by `doctor` for its readings.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use super::StartError;
use crate::limits::SHARDS_MAX;
use crate::settings::{Cores, Settings};

/// Bytes of locked memory an executor refuses to start below.
pub const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;

/// Files kept for everything that is not a client connection.
const FILES_RESERVED: u64 = 128;

/// Files one shard needs for itself: rings, events, listeners.
const FILES_PER_SHARD: u64 = 16;

/// Longest table of open files that is made before it is needed: 2 MiB of the kernel's memory.
const FILES_PREPARED_MAX: u64 = 1 << 18;

/// How the engine fits this machine.
pub struct Plan {
    /// One per shard: the CPU to pin it to, where pinning makes sense.
    pub cpus: Vec<Option<usize>>,
    pub connections_max: usize,
}

impl Plan {
    pub fn shards(&self) -> usize {
        self.cpus.len()
    }
}

/// Decides shards, CPUs and the connection cap.
pub fn plan(settings: &Settings) -> Result<Plan, StartError> {
    let cpus = choose_cpus(&settings.server.cores, &allowed_cpus())?;
    check_memlock()?;
    let files = raise(libc::RLIMIT_NOFILE).unwrap_or(1_024);
    let reserved = FILES_RESERVED + FILES_PER_SHARD * cpus.len() as u64;
    let room = files.saturating_sub(reserved) as usize;
    if room == 0 {
        return Err(StartError(format!(
            "the file limit is {files} and {} shards keep {reserved} for themselves, so nobody \
             could connect; run `ulimit -n 1048576`, or set LimitNOFILE= in the systemd unit",
            cpus.len()
        )));
    }
    let connections_max = match settings.server.limits.connections_max {
        Some(wanted) if wanted <= room => wanted,
        Some(wanted) => {
            tracing::warn!(
                wanted,
                room,
                files,
                "the file limit allows fewer connections; raise nofile"
            );
            room
        }
        None => room,
    };
    prepare_files(connections_max as u64 + reserved);
    Ok(Plan { cpus, connections_max })
}

/// The CPUs this process may run on, in order.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: an all-zero cpu_set_t is a valid empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live set of the size that is passed.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
    if result != 0 {
        return vec![0];
    }
    // SAFETY: CPU_ISSET reads inside the set for every index below CPU_SETSIZE.
    let is_set = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    (0..libc::CPU_SETSIZE as usize).filter(is_set).collect()
}

/// Pins the calling thread.
pub fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: an all-zero cpu_set_t is a valid empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the index is inside the set, checked above.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the pointer is to a live set of the size that is passed.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Soft and hard limit of a resource.
pub fn limit(resource: libc::__rlimit_resource_t) -> Option<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit.
    let result = unsafe { libc::getrlimit(resource, &mut limit) };
    (result == 0).then_some((limit.rlim_cur, limit.rlim_max))
}

/// Raises the soft limit to the hard one; returns what holds now.
pub fn raise(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let (soft, hard) = limit(resource)?;
    let wanted = libc::rlimit { rlim_cur: hard, rlim_max: hard };
    // SAFETY: the pointer is to a live rlimit.
    let raised = soft < hard && unsafe { libc::setrlimit(resource, &wanted) } == 0;
    Some(if raised { hard } else { soft })
}

/// Makes the table of open files as long as it will become. The kernel doubles it when descriptors
/// run out and, in a process of several threads, waits each time until no CPU can be looking at the
/// old one: measured, a shard stood still for 11 to 30 ms, six times on the way to 10,000
/// connections. Where this fails the table grows as it always did.
pub fn prepare_files(files: u64) {
    let last = files.min(FILES_PREPARED_MAX).saturating_sub(1) as libc::c_int;
    // SAFETY: F_DUPFD_CLOEXEC takes the lowest number the new descriptor may have, and no pointer.
    let longest = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, last) };
    if longest >= 0 {
        // SAFETY: the descriptor was just made here, and nobody else knows it.
        drop(unsafe { OwnedFd::from_raw_fd(longest) });
    }
}

fn check_memlock() -> Result<(), StartError> {
    match raise(libc::RLIMIT_MEMLOCK) {
        Some(bytes) if bytes < MEMLOCK_BYTES_MIN => Err(StartError(format!(
            "the locked-memory limit is {} KiB and a shard needs {} KiB; \
             run `ulimit -l 512`, or set LimitMEMLOCK=infinity in the systemd unit",
            bytes / 1024,
            MEMLOCK_BYTES_MIN / 1024,
        ))),
        _ => Ok(()),
    }
}

/// Pinning makes sense where each shard has a CPU of its own.
fn choose_cpus(cores: &Cores, allowed: &[usize]) -> Result<Vec<Option<usize>>, StartError> {
    let chosen: Vec<Option<usize>> = match cores {
        Cores::Auto => allowed.iter().copied().map(Some).collect(),
        Cores::Count(count) if *count > allowed.len() => {
            tracing::warn!(
                shards = count,
                cpus = allowed.len(),
                "more shards than CPUs; not pinning"
            );
            vec![None; *count]
        }
        Cores::Count(count) => allowed.iter().take(*count).copied().map(Some).collect(),
        Cores::Cpus(cpus) => {
            if let Some(missing) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                tracing::warn!(cpu = missing, "server.cores names a CPU this process may not use");
            }
            let usable = |cpu: &usize| allowed.contains(cpu).then_some(*cpu);
            cpus.iter().map(usable).collect()
        }
    };
    match chosen.len() {
        0 => Err(StartError("server.cores leaves no shard; use `auto` or a number".into())),
        n if n > SHARDS_MAX => Err(StartError(format!(
            "server.cores asks for {n} shards, at most {SHARDS_MAX} are possible"
        ))),
        _ => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_take_the_cpus_there_are_and_go_unpinned_where_there_are_too_few() {
        let allowed = [2, 3, 5];
        let choose = |cores| choose_cpus(&cores, &allowed).unwrap();
        assert_eq!(choose(Cores::Auto), [Some(2), Some(3), Some(5)]);
        assert_eq!(choose(Cores::Count(2)), [Some(2), Some(3)]);
        assert_eq!(choose(Cores::Count(5)), [None; 5]);
        assert_eq!(choose(Cores::Cpus(vec![5, 9])), [Some(5), None]);
        assert!(choose_cpus(&Cores::Cpus(vec![]), &allowed).is_err());
    }
}
