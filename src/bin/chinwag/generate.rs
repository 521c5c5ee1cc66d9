//! What packages need beside the program: completions and manual pages, made from its own description.

use crate::Failure;
use clap::{Args, Command};
use clap_complete::Shell;
use std::{io, path::PathBuf};

/// For which shell.
#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Where to.
#[derive(Args)]
pub struct ManArgs {
    /// The directory that the pages are written to.
    directory: PathBuf,
}

/// Prints completions.
pub fn completions(args: &CompletionsArgs, mut program: Command) -> Result<(), Failure> {
    clap_complete::generate(args.shell, &mut program, "chinwag", &mut io::stdout());
    Ok(())
}

/// Writes a page for the program and one for each of its commands.
pub fn man(args: &ManArgs, program: Command) -> Result<(), Failure> {
    clap_mangen::generate_to(program, &args.directory)
        .map_err(|error| Failure::operator(format!("{}: {error}", args.directory.display())))
}
