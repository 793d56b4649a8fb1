//! `countersign serve`: runs a log server.

mod after_restore;
mod certificate;
mod file_watcher;
mod leaf_files;
pub(crate) mod memory;
mod oidc;

use std::fs;
use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use countersign::checkpoint::MAX_ML_DSA_NAME_BYTES;
use countersign::log::Limits;
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign::tenant::{MIN_DEPTH, TenantOrigin};
use countersign::time::Time;
use countersign::tolerance;
use countersign::trust::Trust;
use countersign_analyze::Pack;
use countersign_log::clock::{Doubt, steady};
use countersign_log::quota::Quota;
use countersign_log::reads::{ReadRules, RecordReads};
use countersign_log::stop::SigningStop;
use countersign_log::store::StoreError;
use countersign_log::tenants::waiting::WaitingRoom;
use countersign_log_server::bucket::{Bucket, JournalConfig, JournalMode};
use countersign_log_server::control_files::{ControlFile, ControlFileError, ControlFileErrorKind};
use countersign_log_server::log_server::RulesError;
use countersign_log_server::restore::succession::Succession;
use countersign_log_server::restore::tenant_succession::NewTenants;
use countersign_log_server::retention::holds::Hold;
use countersign_log_server::retention::tenants::TenantRetention;
use countersign_log_server::retention::{self, Rule, Rules};
use countersign_log_server::serve::{
    Config, MirrorLag, RunningLog, StartError, TenantConfig, TrustTarget, serve_with_first_event,
};
use countersign_log_server::server::{Address, Bounds, Cors, Hosts, Page, Proxies, Proxy, ProxyHeader};
use countersign_log_server::sqlite::{self, LogIdentity};

use certificate::Certificate;
use countersign_client::{Prefix, Url};
use file_watcher::FileWatcher;
use zeroize::Zeroizing;

use crate::args;
use crate::commands::keygen::{self, random};
use crate::commands::report;
use crate::commands::watch;
use crate::errors::{self, CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::log_folder::{DAMAGED_BUCKET, DAMAGED_INDEX, DAMAGED_STORE, store_hint};
use crate::io::object::explain_bucket;
use crate::io::output::Output;
use crate::io::{input, key, parsers, stop, style, token};

/// The origin of a new log, unless another is given.
const DEFAULT_ORIGIN: &str = "localhost/audit";
/// The name of the log's key file in its folder.
const KEY: &str = "log.key";
/// The name of the trust file in the log's folder.
pub(crate) const TRUST: &str = "trust.txt";
/// The page at `/`, compressed with gzip: the console, or instructions to get it.
const CONSOLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/console.html.gz"));
/// The minimum interval of ticks.
const MIN_TICK: Duration = Duration::from_secs(1);
/// The maximum interval of ticks, as in a Durable Object. A submission waits for its tick and for witnesses, and recorders
/// and proxies commonly wait 30 seconds for an answer.
const MAX_TICK: Duration = Duration::from_secs(20);
/// The time for which repeated signals are ignored: Ctrl-C and service managers often send several.
const FORCE_AFTER: Duration = Duration::from_secs(10);
/// The interval of checks for a stop request.
const STOP_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);
/// The interval of retries for a trust file that can't be used.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Run a log that emitters submit to and auditors export from
///
/// Starts a new log if its folder has none, with a key that only its owner can read, and a trust file that says who may
/// write to it. Prints the log's public key, which readers and emitters need. Stops on Ctrl-C or SIGTERM, once work in
/// progress is done. SIGHUP reads the trust file and the certificate again. Repeated signals are ignored for 10
/// seconds; a later one ends the server at once and aborts that work, which emitters then send again. The log's console
/// is at /: search, live view, coverage, keys, witnesses and storage, verified in the browser, for readers with a
/// token.
#[allow(clippy::struct_excessive_bools, reason = "each is an option")]
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign serve --origin log.example/audit
  echo \"emitter $APP_VKEY\" >> countersign-log/trust.txt     # read again when it changes
  countersign record --key app.key --to http://127.0.0.1:8080 --log \"$LOG_VKEY\" events.ndjson
  countersign token add ada                                  # for the console at http://127.0.0.1:8080/
  AWS_REGION=eu-central-1 countersign serve --store s3://audit-logs/app")]
pub(crate) struct Args {
    /// Read options from this TOML file: listen = "127.0.0.1:8080". Options on the command line take precedence
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the log
    #[arg(long, value_name = "DIR", default_value = "countersign-log", help_heading = "The log")]
    dir: PathBuf,
    /// The origin of a new log [default: localhost/audit]; with --after-restore, of the log that replaces one that
    /// ended
    #[arg(long, value_name = "O", help_heading = "The log")]
    origin: Option<String>,
    /// Key file of the log [default: log.key in its folder, created if missing]
    #[arg(long, value_name = "FILE", help_heading = "The log")]
    key: Option<PathBuf>,
    /// Second key file of the log (`countersign keygen ORIGIN --ml-dsa`). It signs each checkpoint too, so that a quantum
    /// computer can't forge it
    #[arg(long, value_name = "FILE", help_heading = "The log")]
    ml_dsa_key: Option<PathBuf>,
    /// Confirm that the log's key changed to the one with this public key. Can be repeated
    ///
    /// A log rejects another key of its name, because its readers don't trust it. For a rotation, pass the public key of
    /// the new --key or --ml-dsa-key, or of --key to sign without the ML-DSA-44 key from now on. The folder (keys.txt) or
    /// the bucket records it, and the option can stay: it has no effect for other keys.
    #[arg(long, value_name = "VKEY", value_parser = vkey, help_heading = "The log")]
    new_key: Vec<VerifierKey>,
    /// The trust file: who may write to the log, and which witnesses to ask [default: trust.txt in its folder]
    #[arg(long, value_name = "FILE", help_heading = "The log")]
    trust: Option<PathBuf>,
    /// Keep the log in this bucket: s3://, gs://, az:// or a folder, with credentials from the environment. Servers
    /// with the same key and bucket are one log, and the folder is only an index
    #[arg(long, value_name = "URL", help_heading = "The log")]
    store: Option<String>,
    /// Also write each commit to a journal in this second place before it is answered: a folder on another disk, s3://,
    /// gs:// or az://, with credentials from the environment
    ///
    /// If the disk is lost, the newest backup and the journal give the log as it was: see --after-restore. A new journal
    /// begins at the log's current size; entries before it must be in a backup. Not for a log in a bucket, which has a
    /// durable place.
    #[arg(long, value_name = "URL", conflicts_with = "store", help_heading = "The log")]
    journal: Option<String>,
    /// While the journal can't be written: `wait` rejects submissions with 503, `answer` accepts them, and the journal
    /// catches up later
    ///
    /// With `answer`, a disk that is lost meanwhile takes the answered events with it. /healthz and the metrics show both
    /// states.
    #[arg(long, value_name = "MODE", default_value = "wait", requires = "journal", help_heading = "The log")]
    journal_mode: JournalMode,
    /// Keep a log of its own for each tenant, below a public root log that proves all of them
    ///
    /// For a new folder; one that has tenants needs no option. Create tenants with `countersign tenant add`. Each has
    /// its log at /t/ID, and reads it with its own token.
    #[arg(long, help_heading = "Tenants")]
    tenants: bool,
    /// Interval of the root log's ticks, 1s to 20s. Submissions are answered at the next tick
    ///
    /// Recorders and proxies commonly wait 30 seconds for an answer, and witnesses need some of that time. Each tick adds an entry to the root log, whether or not anything was recorded: 4.6 GB a year at 1s.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = args::duration, help_heading = "Tenants")]
    tick: Duration,
    /// Number of tenants that a new root log has room for before its proofs get longer: a power of 2
    ///
    /// Readers can see this number, which doubles when 7 of 8 places are used.
    #[arg(long, value_name = "N", default_value = "1024", value_parser = slots, help_heading = "Tenants")]
    slots: u32,
    /// Also report metrics of each tenant, with its name: entries, stops, and submissions above its quota
    ///
    /// They reveal to everyone who can see your metrics who your customers are, and when each is active.
    #[arg(long, help_heading = "Tenants")]
    tenant_metrics: bool,
    /// Accept at most this many events per second for each tenant, on average [default: no limit]
    ///
    /// All keys that write to the tenant's log share it. Above it, the answer is 429 with retry-after.
    #[arg(long, value_name = "N", help_heading = "Tenants")]
    quota_tenant_events: Option<NonZeroU32>,
    /// Accept at most this many bytes per second for each tenant, on average [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Tenants")]
    quota_tenant_bytes: Option<NonZeroU32>,
    /// Let at most this many MiB of events wait for a tick, from all tenants together
    ///
    /// Above it, the answer is 503 with retry-after, and emitters keep their events. A longer --tick needs more.
    #[arg(long, value_name = "MIB", default_value = "128", help_heading = "Tenants")]
    max_waiting: NonZeroU16,
    /// Address to listen on: host and port, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", help_heading = "Network")]
    listen: Address,
    /// Serve TLS with this certificate: a PEM file that includes the chain
    ///
    /// It and the key are read again when they change. Open connections continue.
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "Network")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "Network")]
    tls_key: Option<PathBuf>,
    /// Accept OpenTelemetry logs at /v1/logs (OTLP/HTTP), and sign their events with the emitter key in this file
    ///
    /// Create the key with `countersign keygen`, and authorize it like any emitter's. Services need a token with the
    /// right `record`. Each event says who sent it; the signature is the log server's, not the service's. Not for logs
    /// with tenants.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    otlp: Option<PathBuf>,
    /// Allow web pages of this origin to read the log (CORS); * for any. Can be repeated
    #[arg(long, value_name = "ORIGIN", help_heading = "Network")]
    cors: Vec<String>,
    /// Also answer requests for this host name; * for any. Can be repeated
    ///
    /// Without it, the log answers only to localhost, loopback addresses and the address of --listen. Requests for
    /// other names are refused, so that a web page can't reach the log through its own name (DNS rebinding).
    /// Needed behind a reverse proxy that passes the public name on.
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    host: Vec<String>,
    /// Accept at most this many events per second from each key, on average [default: no limit]
    ///
    /// Above that, the answer is 429 with retry-after, and emitters wait accordingly. With tenants, a key has this quota
    /// in each tenant's log.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    quota_events: Option<NonZeroU32>,
    /// Accept at most this many bytes per second from each key, on average [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    quota_bytes: Option<NonZeroU32>,
    /// Burst that a quota allows after a pause, in seconds of its rate
    #[arg(long, value_name = "SECONDS", default_value = "10", help_heading = "Limits")]
    quota_burst: NonZeroU32,
    /// Maximum number of connections per client, or of concurrent requests behind a trusted proxy
    ///
    /// A client is an IPv4 address or a /64 IPv6 network. Clients on this machine have no limit.
    #[arg(long, value_name = "N", default_value = "256", help_heading = "Limits")]
    client_connections: NonZeroU32,
    /// Trust this proxy to report its clients' addresses: an address, a network such as 10.0.0.0/8, or unix. Can be
    /// repeated
    #[arg(long, value_name = "PROXY", help_heading = "Network")]
    trusted_proxy: Vec<Proxy>,
    /// Header with client addresses from trusted proxies: x-forwarded-for or forwarded
    #[arg(
        long,
        value_name = "HEADER",
        default_value = "x-forwarded-for",
        requires = "trusted_proxy",
        help_heading = "Network"
    )]
    proxy_header: ProxyHeader,
    /// Upload all entries to this mirror (C2SP tlog-mirror) once they are published. Can be repeated
    ///
    /// A mirror that fails delays nothing: uploads to it are retried after 1 second to 5 minutes.
    #[arg(long, value_name = "URL", help_heading = "Network", value_parser = mirror_url)]
    mirror: Vec<String>,
    /// Record who read what, in the log itself: `exports`, or `all` for proofs and live views too. Reads of a tenant's
    /// log are recorded in that log
    ///
    /// Each record (log.export) has the token's name, the request, and the number of events and bytes, per
    /// token and minute. Readers trust these records with an `emitter` line for the log's key in their trust file.
    /// Without this option, exports are recorded if the log's own trust file has that line.
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_missing_value = "all", help_heading = "Records of reads")]
    record_reads: Option<RecordReads>,
    /// Refuse reads that can't be recorded: each read is answered only after its record is durable
    ///
    /// With tenants, a read waits for the next tick therefore: up to the time in --tick.
    #[arg(long, help_heading = "Records of reads")]
    require_records: bool,
    #[command(flatten, next_help_heading = "Checks and detection")]
    own: parsers::ParserArgs,
    #[command(flatten, next_help_heading = "Sign-in of readers (OpenID Connect)")]
    oidc: oidc::OpenId,
    /// Serve this HTML file at / instead of the console
    #[arg(long, value_name = "FILE", help_heading = "Console")]
    page: Option<PathBuf>,
    /// Serve no page at /, and none at /auditor.html
    #[arg(long, conflicts_with = "page", help_heading = "Console")]
    no_page: bool,
    /// Erase events at this age: 7y for all, tenant=acme:30d for one tenant's. Can be repeated
    ///
    /// The tenant is the one in each event, also if tenants have logs of their own.
    #[arg(long, value_name = "RULE", help_heading = "Retention")]
    retain: Vec<Rule>,
    /// Never erase these, despite --retain and erasure requests: `tenant=acme`, `actor=u_1` or `chain=C`. Can be
    /// repeated
    ///
    /// The file holds.txt in the log's folder can list more, one per line.
    #[arg(long, value_name = "HOLD", help_heading = "Retention")]
    hold: Vec<Hold>,
    /// Prune the log for the public: don't serve tiles and entry bundles whose entries are all before this index
    /// [default: 0]
    ///
    /// The entries stay in the log's folder or bucket, and readers with a token still get them in exports. Not for
    /// a log with tenants.
    #[arg(long, value_name = "N", help_heading = "Retention")]
    minimum_index: Option<u64>,
    /// Check the entire log for corruption once in this time
    ///
    /// While corruption is found, /healthz reports it. For a log in a bucket, the folder (its index) is checked.
    /// `never` turns this off.
    #[arg(long, value_name = "TIME", default_value = "1d", help_heading = "Checks and detection")]
    check_within: CheckWithin,
    #[command(flatten, next_help_heading = "After a restore")]
    after: after_restore::Options,
    /// Watch the log with these rules: a pack, or files or directories of Sigma rules, or built-in. Can be repeated
    ///
    /// Findings are at /findings, for tokens that may read all events, and are counted in the metrics. State and
    /// findings are kept in the folder `watch` below the log's.
    #[arg(long, value_name = "PACK", help_heading = "Checks and detection")]
    watch: Vec<PathBuf>,
    /// Write log messages as JSON, one object per line (`RUST_LOG` sets the level)
    #[arg(long, help_heading = None)]
    log_json: bool,
    /// Labeled details to print when the log listens
    #[arg(skip)]
    pub(crate) details: Vec<(&'static str, String)>,
}

/// Parses the submission prefix of a mirror.
fn mirror_url(text: &str) -> Result<String, String> {
    Prefix::parse(text).map(|_| text.to_owned())
}

/// Parses a public key.
fn vkey(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse_log(text).map_err(countersign::Error::into_message)
}

/// Parses a number of slots, a power of 2.
fn slots(text: &str) -> Result<u32, String> {
    let slots = text.parse::<u32>().ok().filter(|slots| slots.is_power_of_two() && *slots >= 1 << MIN_DEPTH);
    slots.ok_or_else(|| "must be a power of 2 from 256 to 2147483648".to_owned())
}

/// The time within which the whole log is checked; `None` for never.
#[derive(Clone, Copy)]
struct CheckWithin(Option<Duration>);

impl FromStr for CheckWithin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        args::duration(text).map(|within| Self(Some(within))).map_err(|message| message + ", or never")
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    stop::enable_service();
    serve(args)
}

/// Serves a log. `countersign dev` ends when its terminal is closed, so it isn't a service.
pub(crate) fn serve(args: &Args) -> Result<ExitStatus, CliError> {
    stop::enable_patient(FORCE_AFTER);
    log_to_stderr(args.log_json);
    make_folder(&args.dir)?;
    let mut ending = after_restore::unfinished(args)?;
    if ending.is_none()
        && args.tenants
        && args.after.after_restore
        && args.store.is_none()
        && args.journal.is_none()
        && !has_tenants(args)?
    {
        let message = "--after-restore with --tenants requires a folder with a log that has tenants";
        let hint = "restore log.sqlite to this folder first, or use the log's folder";
        return Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(&args.dir)));
    }
    let store_of_tenants = args.store.as_deref().filter(|_| args.tenants);
    let store_of_tenants = match &args.store {
        Some(store) if store_of_tenants.is_none() && has_tenants(args)? => Some(store.as_str()),
        _ => store_of_tenants,
    };
    if let Some(store) = store_of_tenants.filter(|_| args.after.after_restore) {
        after_restore::resume_tenants_in_bucket(args, bucket(store)?)?;
    }
    if args.after.after_restore && store_of_tenants.is_none() && ending.is_none() {
        ending = after_restore::resume(args)?;
    }
    if let Some(ending) = &mut ending {
        after_restore::archive(args, ending)?;
    }
    // A log that continues keeps its origin.
    let given = args.origin.as_deref().filter(|_| !args.after.after_restore);
    if ending.as_ref().is_none_or(|ending| !ending.has_tenants()) {
        // Before a key is created.
        tenants(args, given.unwrap_or(DEFAULT_ORIGIN))?;
    }
    let key = log_key(args, ending.as_ref().map_or(given, |ending| Some(&ending.new)))?;
    let new_tenants = match &ending {
        Some(ending) => after_restore::create_tenants(args, ending, args.slots.ilog2() as u8)?,
        None => None,
    };
    let trust_file = args.trust.clone().unwrap_or_else(|| args.dir.join(TRUST));
    if args.trust.is_none() {
        write_trust(&trust_file, &key)?;
        if ending.is_some() {
            add_log_key(&trust_file, &key)?;
        }
    }
    let watcher = FileWatcher::new([&*trust_file]);
    let trust = input::trust(&trust_file)?;
    warn_of_plain_witnesses(&trust);
    let cors = Cors::parse(args.cors.iter().map(String::as_str)).map_err(|origin| {
        let hint = "use https://dashboard.example, without a path";
        CliError::unusable("arguments.invalid", format!("{origin:?} is not an origin"), hint)
    })?;
    let hosts = Hosts::parse(args.host.iter().map(String::as_str)).map_err(|name| {
        let hint = "use log.example, without a scheme, port, or path";
        CliError::unusable("arguments.invalid", format!("{name:?} is not a host name"), hint)
    })?;
    let reads = reads(args, &trust, key.verifier_key())?;
    let rules = Rules::new(args.retain.iter().cloned())
        .map_err(|message| CliError::unusable("arguments.invalid", message, "use one --retain for each"))?;
    let pack = if args.watch.is_empty() { None } else { Some(crate::commands::rules::load(&args.watch)?) };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_keep_alive(memory::THREAD_KEEP_ALIVE);
    if args.store.is_none() {
        runtime.max_blocking_threads(memory::MAX_BLOCKING_THREADS);
    }
    let runtime = runtime.build();
    let runtime = runtime.map_err(|error| CliError::io("start", "the server", &error))?;
    runtime.block_on(run_server(
        args,
        key,
        trust,
        (&trust_file, watcher),
        (cors, hosts),
        (rules, reads, pack),
        ending.map(|ending| (ending, new_tenants)),
    ))
}

async fn run_server(
    args: &Args,
    key: SignerKey,
    trust: Trust,
    (trust_file, watcher): (&Path, FileWatcher),
    (cors, hosts): (Cors, Hosts),
    (rules, reads, pack): (Rules, ReadRules, Option<Pack>),
    ending: Option<(Succession, Option<NewTenants>)>,
) -> Result<ExitStatus, CliError> {
    let verifier = key.verifier_key().clone();
    let ml_dsa_key = args.ml_dsa_key.as_deref().map(|path| ml_dsa_key(path, verifier.name())).transpose()?;
    let ml_dsa_verifier = ml_dsa_key.as_ref().map(|key| key.verifier_key().clone());
    let tenants = tenants(args, verifier.name())?;
    let issuer = args.oidc.config(tenants.is_some())?;
    let page = page(args)?.map(|page| args.oidc.page(page, issuer.as_ref())).transpose()?;
    // A log that ended keeps its bucket; its successor has another.
    let store = ending.as_ref().map_or(&args.store, |(ending, _)| &ending.store);
    let store = store.as_deref().map(bucket).transpose()?;
    let otlp = otlp_key(args, &verifier)?;
    let otlp_vkey = otlp.as_ref().map(|key| key.verifier_key().clone());
    let certificate = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    let certificate = certificate.map(|(cert, key)| Certificate::load(cert, key)).transpose()?;
    let config = Config {
        folder: args.dir.clone(),
        store,
        journal: journal(args)?,
        key,
        ml_dsa_key,
        trust,
        listen: args.listen.clone(),
        tls: certificate.as_ref().map(|certificate| certificate.tls.clone()),
        cors,
        hosts,
        parsers: args.own.load()?,
        issuer,
        reads,
        page,
        auditors_page: auditors_page(args)?,
        limits: Limits::default(),
        bounds: Bounds {
            connections_per_client: args.client_connections.get() as usize,
            proxies: Proxies { trusted: args.trusted_proxy.clone(), header: args.proxy_header },
            quota: Quota { events: args.quota_events, bytes: args.quota_bytes, burst: args.quota_burst },
            tenant_quota: Quota {
                events: args.quota_tenant_events,
                bytes: args.quota_tenant_bytes,
                burst: args.quota_burst,
            },
            minimum_index: args.minimum_index.unwrap_or_default(),
            waiting_room: WaitingRoom::with_bytes(usize::from(args.max_waiting.get()) << 20),
            ..bounds()
        },
        clock: Arc::new(now),
        holds: args.hold.clone(),
        check_within: args.check_within.0,
        steady: steady(),
        tenants,
        otlp,
        new_keys: args.new_key.clone(),
    };
    // With tenants, each new log has a statement of its own.
    let statement = ending.as_ref().filter(|(ending, _)| !ending.has_tenants());
    let statement = statement.map(|(ending, _)| ending.statement());
    let mut serving = serve_with_first_event(config, statement).await.map_err(|error| match error {
        StartError::Listen(_) => explain(&error, args.store.as_deref()).because(&args.listen.to_string()),
        StartError::Io { .. } => explain(&error, args.store.as_deref()).within(&shown(&args.dir)),
        _ => explain_store(&error, args),
    })?;
    if let Some((ending, new_tenants)) = ending {
        if let Some(new_tenants) = &new_tenants {
            after_restore::print_tenants(args, &ending, new_tenants);
        }
        after_restore::finish(args, ending)?;
    }
    let watching = pack
        .map(|pack| watch::watch_own_log(&args.dir, pack, args.own.load()?, serving.reading()))
        .transpose()?;
    style::done(&format!(
        "the log {} listens on {}",
        verifier.name(),
        url(serving.address(), certificate.is_some())
    ));
    style::detail("log key:", verifier.as_str());
    if let Some(verifier) = ml_dsa_verifier {
        style::detail("ML-DSA-44 key:", verifier.as_str());
    }
    style::detail("trust:", &format!("{} (lists who may write)", shown(trust_file)));
    if let Some(key) = otlp_vkey {
        let log_server = serving.log_server();
        let is_authorized =
            log_server.rules().admits(&key) || log_server.reader().knows(&key).unwrap_or(true);
        let hint = if is_authorized { "" } else { "; add it to the trust file as `emitter`, or grant it" };
        style::detail("otlp:", &format!("/v1/logs signs with {key}{hint}"));
    }
    if let (Some(url), Some(journal)) = (&args.journal, serving.journal()) {
        let text = match journal.begin() {
            Some(0) => format!("{} has all entries", style::plain(url)),
            Some(begin) => format!(
                "{} begins at entry {begin}: keep a backup with at least {begin} entries",
                style::plain(url)
            ),
            None => format!("{} can't be reached yet", style::plain(url)),
        };
        style::detail("journal:", &text);
    }
    for (name, text) in &args.details {
        style::detail(name, text);
    }
    if let Some(minimum_index) = args.minimum_index {
        style::detail("pruned:", &format!("tiles and bundles before entry {minimum_index} are not served"));
    }
    if serving.tenants().is_some() {
        style::detail("tenants:", "each has its log at /t/ID; create one with `countersign tenant add NAME`");
    }
    if args.record_reads.is_none() && reads.record == RecordReads::None {
        let warning =
            "the trust file doesn't list the log's key as `emitter`, so readers wouldn't trust the records";
        style::detail("reads:", &format!("not recorded: {warning}"));
    }
    if let Some(stop) = serving.log_server().signing().stopped() {
        warn_stopped(&stop);
    }
    if let Some(stopped) =
        serving.tenants().map(|tenants| tenants.stops().len()).filter(|stopped| *stopped > 0)
    {
        let logs =
            if stopped == 1 { "1 tenant log is".to_owned() } else { format!("{stopped} tenant logs are") };
        style::warn(&format!(
            "{logs} stopped, because the stored entries contradict, or may contradict, what was shown; all others continue: see `countersign tenant list`"
        ));
    }
    let published = serving.log_server().published().borrow().as_ref().map(|newest| newest.at);
    let doubt = serving.log_server().timekeeper().doubt();
    if let Some(warning) = clock_warning(doubt, published, now(), &args.dir) {
        style::warn(&warning);
    }
    tokio::spawn(memory::trim_periodically());
    let retaining = (!rules.is_empty()).then(|| match serving.tenants() {
        Some(tenants) => {
            let (root, tenants) = (serving.reading().clone(), tenants.clone());
            tokio::spawn(TenantRetention::new(root, tenants, rules, &args.dir).run())
        }
        None => tokio::spawn(retention::run(serving.reading().clone(), rules, args.dir.clone())),
    });
    serving.feed_mirrors(&args.mirror).map_err(|error| explain(&error, None))?;
    let reloading = tokio::spawn(reload(serving.trust_target(), trust_file.to_owned(), watcher));
    let renewing = certificate.map(|certificate| tokio::spawn(certificate.reload_on_change()));
    stop_requested().await;
    reloading.abort();
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    if let Some(retaining) = retaining {
        retaining.abort();
    }
    let uploads = if args.mirror.is_empty() { "" } else { ", and then uploads to mirrors" };
    style::done(&format!("stopping: finishing work in progress{uploads}"));
    serving.reading().stop();
    if let Some(watching) = watching {
        // The watcher reports its own errors.
        let _ = tokio::task::spawn_blocking(move || watching.join()).await;
    }
    end(serving).await
}

/// True if the folder has a log with tenants.
fn has_tenants(args: &Args) -> Result<bool, CliError> {
    sqlite::has_tenants(&args.dir).map_err(|error| unreadable(args, &error))
}

fn unreadable(args: &Args, error: &StoreError) -> CliError {
    let hint = store_hint(error, &args.dir, "check the folder and its permissions");
    CliError::unusable("store.failed", error.to_string(), hint).within(&shown(&args.dir))
}

/// Returns the settings of a root log, if the folder has one or gets one.
fn tenants(args: &Args, origin: &str) -> Result<Option<TenantConfig>, CliError> {
    let has_tenants = has_tenants(args)?;
    if !has_tenants && !args.tenants {
        let has_quota = args.quota_tenant_events.is_some() || args.quota_tenant_bytes.is_some();
        if args.tenant_metrics || has_quota {
            let message =
                "--tenant-metrics and --quota-tenant-… are for a log with tenants, and this one has none";
            let hint = "remove them, or start a log with --tenants in a new folder";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        return Ok(None);
    }
    let log = sqlite::identify(&args.dir).map_err(|error| unreadable(args, &error))?;
    if args.minimum_index.is_some() {
        let message = "--minimum-index can't be used with tenants";
        let hint = "remove it: the root log's entries prove every tenant log, and each tenant log has its own entries, which only its readers get";
        return Err(CliError::unusable("log.pruned_tenants", message, hint));
    }
    if log.is_some_and(|log| !log.has_tenants) {
        let message = "the folder has a log without tenants, and a log can't get them later";
        let hint = "use a new folder with --dir, or remove --tenants";
        return Err(CliError::unusable("tenant.none", message, hint).within(&shown(&args.dir)));
    }
    if TenantOrigin::new(origin, [0; 16]).is_none() {
        let message = format!("{origin:?} can't be the origin of a root log");
        let hint = "use an --origin of at most 220 bytes that doesn't end in /t/ and an ID";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if !(MIN_TICK..=MAX_TICK).contains(&args.tick) {
        let (min, max) = (MIN_TICK.as_secs(), MAX_TICK.as_secs());
        let message = format!("--tick must be {min}s to {max}s");
        let hint = "use a value in this range, because recorders wait about 30 seconds for an answer";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if !args.watch.is_empty() {
        let message = "--watch can't be used with tenants yet";
        let hint = "remove it, and follow each tenant's log with `countersign watch URL/t/ID`";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if args.otlp.is_some() {
        let message =
            "--otlp can't be used with tenants, because log records don't say whose log they are for";
        let hint = "remove it, and start a log without tenants for these services";
        return Err(CliError::unusable("otlp.tenants", message, hint));
    }
    let depth = args.slots.ilog2() as u8;
    Ok(Some(TenantConfig { tick: args.tick, depth, has_metrics: args.tenant_metrics }))
}

/// Loads the key that signs the events of logs received over OTLP.
fn otlp_key(args: &Args, log: &VerifierKey) -> Result<Option<SignerKey>, CliError> {
    let Some(file) = &args.otlp else { return Ok(None) };
    let key = key::load(file)?;
    if key.verifier_key() == log {
        let message = "--otlp requires an emitter's key, and this is the log's own";
        let hint = "create one with: countersign keygen NAME -o otlp.key";
        return Err(CliError::unusable("otlp.key_file", message, hint).within(&shown(file)));
    }
    Ok(Some(key))
}

/// Returns which reads are recorded.
fn reads(args: &Args, trust: &Trust, log: &VerifierKey) -> Result<ReadRules, CliError> {
    let record = args.record_reads.unwrap_or_else(|| RecordReads::by_default(trust, log));
    if args.require_records && record == RecordReads::None {
        let hint = "add --record-reads exports, or --record-reads all";
        let message = "--require-records requires --record-reads";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    Ok(ReadRules { record, required: args.require_records })
}

/// Returns the URL of a listening address.
pub(crate) fn url(address: &Address, encrypted: bool) -> String {
    match address {
        Address::Tcp(_) => format!("http{}://{address}", if encrypted { "s" } else { "" }),
        Address::Unix(_) => address.to_string(),
    }
}

/// Returns a warning if this machine's clock is not believed, or is behind the log's newest checkpoint.
fn clock_warning(doubt: Option<Doubt>, published: Option<Time>, now: Time, dir: &Path) -> Option<String> {
    if doubt.is_some() {
        return Some(format!(
            "this machine's clock shows {now}, more than 90 days from the newest time that the log knows: it serves readers, but accepts nothing until the clock is corrected, or confirmed with `countersign clock --dir {} --confirm`",
            shown(dir)
        ));
    }
    let published = published?;
    tolerance::early(published, now).map(|_| {
        format!(
            "this machine's clock shows {now}, but the log published its newest checkpoint at {published}: unless that clock was ahead then, this one is behind, and events with the right time are refused until it is set"
        )
    })
}

/// Prints that the log stopped signing, and why.
fn warn_stopped(stop: &SigningStop) {
    if style::is_json() {
        let (code, hint) = (stop.cause.code(), stop.hint());
        tracing::error!(target: style::TARGET, code, hint, "the log signs nothing and accepts nothing: {}", stop.message);
        return;
    }
    anstream::eprintln!(
        "{} {} [{}]",
        style::bad("✗ The log signs nothing and accepts nothing:"),
        style::plain(&stop.message),
        stop.cause.code()
    );
    anstream::eprintln!("  {} {}", style::label("hint:"), stop.hint());
}

/// Loads the page for `/`.
fn page(args: &Args) -> Result<Option<Page>, CliError> {
    let page = match &args.page {
        _ if args.no_page => return Ok(None),
        None => Page::packed(CONSOLE),
        Some(file) => Page::new(input::page(file)?),
    };
    page.map(Some).map_err(|error| CliError::io("pack", "the page", &error))
}

/// Loads the auditor's page for `/auditor.html`, if this program was built with it.
fn auditors_page(args: &Args) -> Result<Option<Page>, CliError> {
    let packed = report::page::packed().filter(|_| !args.no_page);
    packed.map(Page::packed).transpose().map_err(|error| CliError::io("unpack", "the auditor's page", &error))
}

pub(crate) fn bucket(url: &str) -> Result<Bucket, CliError> {
    let form = "use s3://BUCKET/PREFIX, gs://…, az://… or a folder's path";
    Bucket::parse(url).map_err(|error| explain_bucket(&error, form))
}

/// Returns the journal.
fn journal(args: &Args) -> Result<Option<JournalConfig>, CliError> {
    let place = args.journal.as_deref().map(bucket).transpose()?;
    Ok(place.map(|place| JournalConfig { place, mode: args.journal_mode }))
}

/// Limits connections to half of the files that the system lets a process open; the rest are for storage.
fn bounds() -> Bounds {
    let bounds = Bounds::default();
    #[cfg(unix)]
    {
        let wanted = 4 * bounds.connections as u64;
        // If the limit can't be raised, the current one applies.
        let files = rlimit::increase_nofile_limit(wanted)
            .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft));
        let connections = usize::try_from(files.unwrap_or(wanted) / 2).unwrap_or(usize::MAX);
        Bounds { connections: bounds.connections.min(connections.max(1)), ..bounds }
    }
    #[cfg(not(unix))]
    bounds
}

/// Logs to standard error: warnings and errors, or as `RUST_LOG` sets.
pub(crate) fn log_to_stderr(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Messages for people are independent of the level, also as JSON.
    let filter = match format!("{}=info", style::TARGET).parse() {
        Ok(directive) if json => filter.add_directive(directive),
        _ => filter,
    };
    // No colors in files and journals, as in other output.
    let ansi = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    // A message that can't be written must not fail the request: a full disk may have the output too.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // In tests, there may be another subscriber.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
    if json {
        style::write_json();
    }
}

async fn end(serving: RunningLog) -> Result<ExitStatus, CliError> {
    let behind = serving.stop().await.map_err(|error| {
        CliError::unusable(
            "server.failed",
            error.to_string(),
            "start it again: all acknowledged entries are saved",
        )
    })?;
    for MirrorLag { url, uploaded, size } in behind {
        let uploaded = uploaded.map_or_else(|| "an unknown number".to_owned(), |size| size.to_string());
        style::warn(&format!(
            "the mirror {} has {uploaded} of {size} entries: the next start uploads the others",
            style::plain(&url)
        ));
    }
    Ok(ExitStatus::Success)
}

/// Warns about witnesses without TLS: an attacker in between could answer for one, and so stop the log.
fn warn_of_plain_witnesses(trust: &Trust) {
    for (place, witness) in trust.witnesses().enumerate() {
        if let Some(Ok(url)) = trust.witness_url(place).map(Url::parse) {
            token::warn_if_unencrypted(
                &url,
                &format!("cosignatures are requested from the witness {}", witness.name()),
            );
        }
    }
}

/// Applies the trust file again when it changes.
async fn reload(target: TrustTarget, file: PathBuf, mut watcher: FileWatcher) {
    let mut failed_before = false;
    loop {
        if failed_before {
            // A system error, such as a missing permission, can end without a change to the file.
            let _ = tokio::time::timeout(RETRY_INTERVAL, watcher.changed()).await;
        } else {
            watcher.changed().await;
        }
        let trust = input::trust(&file);
        let applied = tokio::task::spawn_blocking({
            let target = target.clone();
            move || {
                let trust = trust?;
                warn_of_plain_witnesses(&trust);
                target.set_trust(&trust).map_err(|error| unusable_trust(&error))
            }
        });
        let failed = |error| CliError::io("read", "the trust file", &std::io::Error::other(error));
        match applied.await.map_err(failed).flatten() {
            Ok(()) => {
                failed_before = false;
                style::done(&format!("{} was read again", shown(&file)));
                target.log_server().control_files().set(ControlFile::Trust, Ok(()));
            }
            Err(failure) => {
                failed_before = true;
                target
                    .log_server()
                    .control_files()
                    .set(ControlFile::Trust, Err(trust_fault(&file, &failure)));
            }
        }
    }
}

fn trust_fault(file: &Path, failure: &CliError) -> ControlFileError {
    let kind = match failure.code() {
        "io.not_found" => ControlFileErrorKind::Unreadable(io::ErrorKind::NotFound),
        "io.permission" => ControlFileErrorKind::Unreadable(io::ErrorKind::PermissionDenied),
        code if code.starts_with("io.") => ControlFileErrorKind::Unreadable(io::ErrorKind::Other),
        _ => ControlFileErrorKind::Malformed { line: failure.line() },
    };
    let line = failure.line().map_or_else(String::new, |line| format!("line {line}: "));
    ControlFileError { kind, detail: format!("{}: {line}{}", shown(file), failure.without_place()) }
}

fn unusable_trust(error: &RulesError) -> CliError {
    match error {
        RulesError::Key(error) => error.clone().into(),
        RulesError::Store(error) => {
            let hint = "check the folder; its grants can't be read";
            CliError::unusable("store.failed", error.to_string(), hint)
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stop_requested() {
    while !stop::is_requested() {
        tokio::time::sleep(STOP_POLL_INTERVAL).await;
    }
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Time::from_millis(millis).unwrap_or(Time::MAX)
}

fn make_folder(folder: &Path) -> Result<(), CliError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| CliError::io("make", &shown(folder), &error))?;
    warn_if_writable(folder);
    Ok(())
}

/// Warns about a folder in which others may replace files.
#[cfg(unix)]
fn warn_if_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o022 != 0) {
        style::warn(&format!("{}: others may write to this folder (chmod 700 it)", shown(folder)));
    }
}

#[cfg(not(unix))]
fn warn_if_writable(_: &Path) {}

/// Loads the log's key: the given one, or the folder's, which is created if missing.
fn log_key(args: &Args, origin: Option<&str>) -> Result<SignerKey, CliError> {
    let path = args.key.clone().unwrap_or_else(|| args.dir.join(KEY));
    if args.key.is_none() && !path.exists() {
        // A new key would belong to another log, or no reader would trust it.
        if let Ok(Some(LogIdentity { origin: held, .. })) = sqlite::identify(&args.dir) {
            let message = format!("the folder has the log {held:?}, but its key is missing");
            let hint = "restore the key file, or pass it with --key; if it is lost, create a key with the same name with `countersign keygen`, and add it to readers' trust files";
            return Err(CliError::unusable("io.not_found", message, hint).within(&shown(&path)));
        }
        let origin = origin.unwrap_or(DEFAULT_ORIGIN);
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed)?;
        let key = SignerKey::from_seed(origin, *seed)?;
        keygen::write_key(&path, &key)?;
        return Ok(key);
    }
    let key = key::load(&path)?;
    match origin {
        Some(origin) if origin != key.verifier_key().name() => {
            let message = format!("the key belongs to the log {:?}", key.verifier_key().name());
            let hint = "remove --origin, or use another folder: a log keeps its origin";
            Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(&path)))
        }
        _ => Ok(key),
    }
}

/// Loads the log's ML-DSA-44 key.
fn ml_dsa_key(path: &Path, origin: &str) -> Result<MlDsaKey, CliError> {
    let key = key::load_ml_dsa(path)?;
    if key.verifier_key().name() == origin {
        // Otherwise, the first checkpoint would fail.
        if origin.len() > MAX_ML_DSA_NAME_BYTES {
            let message =
                format!("ML-DSA-44 keys sign only for origins of at most {MAX_ML_DSA_NAME_BYTES} bytes");
            let hint = "start without --ml-dsa-key, or create a log with a shorter origin";
            return Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(path)));
        }
        return Ok(key);
    }
    let message = format!("the key belongs to the log {:?}", key.verifier_key().name());
    let hint = "create a key with the log's origin as its name: countersign keygen ORIGIN --ml-dsa";
    Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(path)))
}

/// Adds the log's key to an existing trust file.
fn add_log_key(path: &Path, key: &SignerKey) -> Result<(), CliError> {
    let mut text = input::small_text(path)?;
    let lines = ["log", "emitter"].map(|kind| format!("{kind} {}", key.verifier_key()));
    let missing: Vec<_> = lines.iter().filter(|line| !text.lines().any(|known| known == **line)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for line in missing {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
    }
    let mut output = Output::create(Some(path))?;
    output.write(format!("{text}\n").as_bytes())?;
    output.finish()
}

/// Creates the folder's trust file if there is none.
fn write_trust(path: &Path, key: &SignerKey) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    let text = format!(
        "# Who may write to this log. Read again when it changes.\n\
         # issuer VKEY    may grant emitters whose names are below its own\n\
         # emitter VKEY   may sign chains\n\
         # witness NAME VKEY URL and quorum NAME: who must confirm each checkpoint before it is published\n\
         log {log}\n\
         # The log's own events: who read, and what was erased. Readers need this line too.\n\
         emitter {log}\n",
        log = key.verifier_key()
    );
    let mut output = Output::create(Some(path))?;
    output.write(text.as_bytes())?;
    output.finish()
}

/// Returns the code and the hint for an error while listening.
pub(crate) fn explain_listening(error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::PermissionDenied => (
            "io.permission",
            "choose another --listen: ports below 1024 need the capability CAP_NET_BIND_SERVICE, and a socket needs a folder you may write to",
        ),
        io::ErrorKind::AddrNotAvailable => {
            ("io.failed", "choose another --listen: this machine doesn't have that address")
        }
        io::ErrorKind::NotFound => ("io.not_found", "check the path: the socket's folder must exist"),
        io::ErrorKind::AlreadyExists => ("io.exists", "choose another --listen, or remove the file first"),
        _ => ("io.failed", "choose another --listen: another program may use this one"),
    }
}

/// The hint for a journal that can't be used.
const JOURNAL_HINT: &str =
    "pass the journal of this log, or an empty place for a new one; make a backup after a new journal begins";

/// Explains why a server doesn't start with these arguments.
fn explain_store(error: &StartError, args: &Args) -> CliError {
    let is_index_alone = args.store.is_none() && matches!(error, StartError::Store(StoreError::Damaged(_)));
    if is_index_alone && sqlite::is_index_folder(&args.dir).unwrap_or(false) {
        return CliError::unusable("store.failed", error.to_string(), DAMAGED_INDEX);
    }
    explain(error, args.store.as_deref())
}

/// Explains why a server doesn't start. `store` is the URL of its bucket, if it has one.
fn explain(error: &StartError, store: Option<&str>) -> CliError {
    let (code, hint) = match error {
        StartError::InUse(_) => ("server.in_use", "stop the other server first: only one can write to a log"),
        StartError::Listen(error) => explain_listening(error),
        StartError::Io { doing, error } => errors::explain(doing, error),
        StartError::WrongKey { confirmation, .. } => {
            let hint = format!(
                "use the log's key file; if you rotate the key, start the server once with --new-key {confirmation}"
            );
            return CliError::unusable("log.wrong_key", error.to_string(), hint);
        }
        StartError::Store(StoreError::Damaged(_)) if store.is_some() => ("store.failed", DAMAGED_BUCKET),
        StartError::Store(StoreError::Damaged(_)) => ("store.failed", DAMAGED_STORE),
        StartError::Store(StoreError::Journal(_)) => ("journal.unusable", JOURNAL_HINT),
        StartError::Store(StoreError::Stopped(stop)) => (stop.cause.code(), stop.hint()),
        StartError::Store(_) => {
            ("store.failed", "check the folder, and the bucket if there is one, and their permissions")
        }
        StartError::Invalid(error) => {
            return CliError::unusable(
                error.code.as_str(),
                error.message.clone(),
                error.hint.unwrap_or("check the keys"),
            );
        }
    };
    CliError::unusable(code, error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_for_buckets_name_no_remedy_for_folders() {
        for hint in [DAMAGED_BUCKET, DAMAGED_INDEX] {
            assert!(!hint.contains("log.sqlite") && hint.contains("--store URL"), "{hint}");
        }
    }

    #[test]
    fn warns_if_the_clock_is_behind_the_log() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let published = at("2026-11-20T06:05:00.000Z");
        let warning = |doubt, now: &str| clock_warning(doubt, Some(published), at(now), Path::new("d"));
        assert!(warning(None, "2026-11-20T06:00:00.000Z").is_some_and(|text| text.contains("06:00:00")));
        let implausible = warning(Some(Doubt::Implausible), "2036-11-20T06:00:00.000Z");
        assert!(implausible.is_some_and(|text| text.contains("countersign clock --dir d --confirm")));
        for now in ["2026-11-20T06:03:00.000Z", "2026-11-20T06:05:00.000Z", "2027-01-01T00:00:00.000Z"] {
            assert_eq!(warning(None, now), None, "{now}");
        }
    }
}
