//! `nudge serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::sync::{mpsc, watch};

use super::{Done, output};
use crate::api;
use crate::config::{self, Config, Format, Overrides};
use crate::feed::Feed;
use crate::mailbox;
use crate::sandbox::{CodeCache, Compiler, Limits, Sandbox};
use crate::service::{Builder, Service};
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{Change, Store};

#[derive(Debug, Args)]
#[command(after_help = "\
The first start makes the data directory and prints an admin key, once: with it tenants are created, and \
their keys. `nudge config` prints the default configuration, with what each key is for; a file \
(--config) comes over it, then NUDGE_* variables, then --data and --listen.

  nudge serve --data ./data
  curl -H \"Authorization: Bearer $ADMIN\" -d '{\"name\": \"acme\"}' \\
       -H 'Content-Type: application/json' http://127.0.0.1:8080/v1/tenants

SIGTERM or Ctrl-C stops it: no new events are taken, what was taken is stored.")]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: Configuration,
    /// Print a new admin key, should the first one be lost
    #[arg(long)]
    new_admin_key: bool,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Args)]
pub(super) struct Configuration {
    /// A configuration file in TOML; NUDGE_CONFIG names one, too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that holds everything
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to answer, such as 127.0.0.1:8080; port 0 takes any
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Configuration {
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let named = std::env::var_os("NUDGE_CONFIG").map(PathBuf::from);
        let file = self.config.clone().or(named);
        let text = match &file {
            Some(file) => {
                Some(std::fs::read_to_string(file).with_context(|| file.display().to_string())?)
            }
            None => None,
        };
        let file = file.as_deref().zip(text.as_deref());
        let overrides = Overrides { data: self.data.clone(), listen: self.listen.clone() };
        Ok(Config::load(file, config::environment(), &overrides)?)
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let config = arguments.configuration.load()?;
    output::log_service(config.log.level.as_str(), config.log.format == Format::Json);
    // Before anything is shown that is shown once: a start that fails here is tried again.
    let listener = std::net::TcpListener::bind(config.listen)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let mail = config.mailbox.listen.map(|at| {
        std::net::TcpListener::bind(at)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .with_context(|| format!("cannot listen for mail on {at}"))
    });
    let mail = mail.transpose()?;
    let service = open(&config)?;
    let first = match arguments.new_admin_key {
        true => Some(service.new_admin_key()?),
        false => service.first_key()?,
    };
    if let Some(key) = first {
        output::print(&format!("admin key (shown this once; keep it safe): {key}\n"))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(1, usize::from).min(4))
        .enable_all()
        .build()?;
    runtime.block_on(serve(&config, listener, mail, service))?;
    Ok(Done::Well)
}

/// A service over data that are there, which answers to nobody.
pub(super) fn over(data: &Path) -> anyhow::Result<Service> {
    let configuration = Configuration { config: None, data: Some(data.to_owned()), listen: None };
    open(&configuration.load()?)
}

fn open(config: &Config) -> anyhow::Result<Service> {
    let options = Options { flush_every: config.store.flush_users, ..Options::default() };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&config.data, options)?);
    let policies = &config.policies;
    let limits = Limits {
        component_bytes: policies.component_bytes,
        compile_time: policies.compile_time,
        compile_memory_bytes: policies.compile_memory,
        compile_niceness: 10,
        ..Limits::default()
    };
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let compiler = Compiler::Child { program, arguments: vec!["compile".to_owned()] };
    let cache: Arc<dyn CodeCache> = Arc::new(Compiled(Arc::clone(&store)));
    let sandbox = Sandbox::with_cache(limits, compiler, Some(cache))?;
    Ok(Builder::new(store, sandbox).open(config.clone())?)
}

async fn serve(
    config: &Config,
    listener: std::net::TcpListener,
    mail: Option<std::net::TcpListener>,
    service: Service,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let at = listener.local_addr()?;
    let mail = mail.map(tokio::net::TcpListener::from_std).transpose()?;
    let running = service.run()?;
    // Before anybody is told that it runs: whoever says stop from then on is heard.
    let stop = stop(service.clone())?;
    let (tell, mut told) = watch::channel(false);
    let taking = match mail {
        None => None,
        Some(mail) => {
            let domain = &config.mailbox.domain;
            output::print(&format!("taking mail for {domain} on {}\n", mail.local_addr()?))?;
            let (limits, post) = (service.mail_limits(), service.post());
            Some(tokio::spawn(mailbox::serve(mail, limits, post, async move {
                // Whoever could say so is gone once all is over.
                let _ = told.wait_for(|stopping| *stopping).await;
            })))
        }
    };
    output::print(&format!("listening on http://{at}, data in {}\n", shown(&config.data)))?;
    let stop = async move {
        stop.await;
        let _ = tell.send(true);
    };
    let feed = Feed::start(&service, &config.feed);
    let served = api::serve(listener, service, stop).await;
    tracing::info!("stopping: what was taken is stored, no more is");
    feed.stop().await;
    if let Some(taking) = taking {
        taking.await.context("the listener for mail failed")?;
    }
    running.stop().await?;
    served.context("the server failed")
}

fn shown(data: &Path) -> String {
    output::plain(&data.canonicalize().unwrap_or_else(|_| data.to_owned()).display().to_string())
}

/// Ends when the operator says so, or when the data belong to somebody else.
fn stop(service: Service) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut told = signals()?;
    Ok(async move {
        let lost = async {
            while !service.is_stopping() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            () = lost => {}
            _ = told.recv() => {}
        }
        service.stop_taking();
    })
}

/// Where SIGTERM and Ctrl-C are heard, from now on.
fn signals() -> anyhow::Result<mpsc::Receiver<()>> {
    let (tell, told) = mpsc::channel(1);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let mut signal = signal(kind).context("signals cannot be heard")?;
            let tell = tell.clone();
            tokio::spawn(async move {
                signal.recv().await;
                let _ = tell.send(()).await;
            });
        }
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = tell.send(()).await;
    });
    Ok(told)
}

/// Compiled code, kept in the store.
struct Compiled(Arc<dyn Store>);

impl CodeCache for Compiled {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.blob(name).unwrap_or_else(|error| {
            tracing::warn!("compiled code cannot be read: {error}");
            None
        })
    }

    fn put(&self, name: &str, code: &[u8]) {
        let change = Change::PutBlob { name: name.to_owned(), bytes: code.to_vec() };
        if let Err(error) = self.0.change(&[change]) {
            tracing::warn!("compiled code cannot be kept: {error}");
        }
    }
}
