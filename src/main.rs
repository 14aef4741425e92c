//! The `shardwire` binary: sets up the allocator and hands the arguments to `cli`.

#![allow(unsafe_code)]

use libc::c_ulong;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's option table, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// mimalloc's own variable: whoever sets it has decided.
const ALLOW_HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

fn main() -> std::process::ExitCode {
    // A quiet server allocates nothing, and memory whose return is put off until the next
    // allocation would never be returned: after 10,000 connections as much again as they use.
    // SAFETY: sets a number in the allocator's option table; no thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) };
    if std::env::var_os(ALLOW_HUGE_PAGES).is_none() {
        decline_huge_pages();
    }
    shardwire::cli::run(std::env::args_os())
}

/// mimalloc asks for huge pages wherever it can. A page of 2 MiB is resident as a whole as soon as
/// one byte of it is used, and each size of block begins one of its own: that made the server twice
/// as large at start, and 10,000 connections of 650 bytes look like 900 to 1,100.
fn decline_huge_pages() {
    const YES: c_ulong = 1;
    const UNUSED: c_ulong = 0;
    // A kernel that refuses goes on as before.
    // SAFETY: a switch of this process; the call takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, YES, UNUSED, UNUSED, UNUSED) };
}
