//! `nudge compile`, hidden: what the sandbox calls to compile a component in a bounded process.

use super::Done;

pub(super) fn run() -> anyhow::Result<Done> {
    crate::sandbox::compile_here(std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(Done::Well)
}
