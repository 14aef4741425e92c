//! The `shardwire` binary: picks the allocator and hands the arguments to `cli`.

#![allow(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's option table, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> std::process::ExitCode {
    // A quiet server allocates nothing, and memory whose return is put off until the next
    // allocation would never be returned: after 10,000 connections as much again as they use.
    // SAFETY: sets a number in the allocator's option table; no thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) };
    shardwire::cli::run(std::env::args_os())
}
