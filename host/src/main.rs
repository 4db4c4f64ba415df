//! The `nudge` command.

fn main() -> std::process::ExitCode {
    nudge::cli::run()
}
