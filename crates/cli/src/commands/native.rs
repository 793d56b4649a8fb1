//! The commands that need the network, a database, or other programs.

use clap::{ArgMatches, Subcommand};

use crate::commands::{
    backup, check, clock, enforce, evidence, export, feed, forks, fsck, inventory, mirror, monitor, outbox,
    report, risk, serve, tenant, token, watch, witness,
};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;

#[derive(Subcommand)]
pub(crate) enum Command {
    Outbox(outbox::Args),
    Serve(Box<serve::Args>),
    Fsck(fsck::Args),
    Backup(backup::Args),
    Token(token::Args),
    Tenant(tenant::Args),
    Export(Box<export::Args>),
    Monitor(monitor::Args),
    Forks(forks::Args),
    Clock(clock::Args),
    Check(check::Args),
    Witness(witness::Args),
    Mirror(mirror::Args),
    Report(Box<report::Args>),
    Watch(Box<watch::Args>),
    Inventory(inventory::Args),
    Risk(risk::Args),
    Enforce(enforce::Args),
    Feed(Box<feed::Args>),
    Evidence(Box<evidence::Args>),
}

impl Command {
    /// Runs the command. Only argument positions tell which `--as` belongs to which `--withhold`.
    pub(crate) fn run(&self, positions: &ArgMatches) -> Result<ExitStatus, CliError> {
        match self {
            Self::Outbox(args) => outbox::run(args),
            Self::Serve(args) => serve::run(args),
            Self::Fsck(args) => fsck::run(args),
            Self::Backup(args) => backup::run(args),
            Self::Token(args) => token::run(args),
            Self::Tenant(args) => tenant::run(args),
            Self::Export(args) => export::run(args, positions),
            Self::Monitor(args) => monitor::run(args),
            Self::Forks(args) => forks::run(args),
            Self::Clock(args) => clock::run(args),
            Self::Check(args) => check::run(args),
            Self::Witness(args) => witness::run(args),
            Self::Mirror(args) => mirror::run(args),
            Self::Report(args) => report::run(args),
            Self::Watch(args) => watch::run(args),
            Self::Inventory(args) => inventory::run(args),
            Self::Risk(args) => risk::run(args),
            Self::Enforce(args) => enforce::run(args),
            Self::Feed(args) => feed::run(args),
            Self::Evidence(args) => evidence::run(args),
        }
    }
}
