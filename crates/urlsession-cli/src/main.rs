//! The executable `urlsession`.

/// The daemon's threads hand each other what they allocate; the system's allocator pays for that
/// with a fifth of the time that small files take.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    urlsession_cli::main()
}
