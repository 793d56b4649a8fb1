//! `countersign completions`: prints a shell completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::output::Output;

/// Print a completion script for your shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign completions bash > ~/.local/share/bash-completion/completions/countersign
  countersign completions zsh > ~/.zfunc/_countersign
  countersign completions fish > ~/.config/fish/completions/countersign.fish")]
pub(crate) struct Args {
    /// Shell to complete for
    shell: Shell,
}

pub(crate) fn run<C: CommandFactory>(args: &Args) -> Result<ExitStatus, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "countersign", &mut script);
    let mut output = Output::create(None)?;
    output.write(&script)?;
    output.finish()?;
    Ok(ExitStatus::Success)
}
