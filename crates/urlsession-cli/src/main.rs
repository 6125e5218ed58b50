//! The executable `urlsession`.

fn main() -> std::process::ExitCode {
    urlsession_cli::main()
}
