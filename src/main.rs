//! The `shardwire` binary: picks the allocator and hands the arguments to `cli`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    shardwire::cli::run(std::env::args_os())
}
