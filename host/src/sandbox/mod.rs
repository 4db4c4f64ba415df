//! The sandbox: the only room that knows wasmtime. It admits components, configures them with a
//! tenant's settings, and answers the engine's questions with fresh, metered instances. It touches no
//! file and no network; at most it starts a process of its own to compile in.
//!
//! Admission checks in this order, cheapest first, and each refusal says why: size, form, resource
//! requirements, imports, exports; then, in bounds and once for identical bytes, validates with an
//! explicit list of features and compiles; then asks `describe` and `configure` under fuel.
//!
//! An instance lives for one question. It is configured first, with fuel of its own, so that what
//! remains for the question is always the same.

mod admit;
mod bindings;
mod check;
mod compile;
mod error;
mod evaluate;
mod exported;
mod limits;
mod policy;
mod usage;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, EngineWeak};

pub use admit::{Anatomy, Extent};
pub use check::{Checked, examine};
pub use compile::{CodeCache, Compiler, compile_here};
pub use error::{AdmitError, HostError, Issue};
pub use exported::{TestFailure, Tested};
pub use limits::Limits;
pub use policy::Configured;
pub use usage::Usage;

use crate::engine::policy::Kinds;
use limits::Guest;

/// The SHA-256 of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who a policy says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Lower case letters, digits and hyphens.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One line for people.
    pub title: String,
    /// A JSON Schema of the settings.
    pub settings_schema: String,
}

/// A place where policies run. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    limits: Limits,
    compiler: Compiler,
    cache: Option<Arc<dyn CodeCache>>,
    engine: Engine,
    linker: Linker<Guest>,
    /// Compiled code by digest, as long as somebody uses it.
    compiled: Mutex<BTreeMap<Digest, Weak<Compiled>>>,
    /// Held while compiling: identical bytes are compiled once, whoever brings them.
    compiling: Mutex<()>,
}

struct Compiled {
    kinds: Kinds,
    tests: bool,
    instance: InstancePre<Guest>,
}

/// A component that was admitted; what is missing is settings.
#[derive(Clone)]
pub struct Policy {
    sandbox: Sandbox,
    compiled: Arc<Compiled>,
    digest: Digest,
    manifest: Arc<Manifest>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox with these limits.
    ///
    /// # Errors
    ///
    /// If this machine cannot run it: no compiler for its processor, or too little address space.
    pub fn new(limits: Limits, compiler: Compiler) -> Result<Sandbox, HostError> {
        Sandbox::with_cache(limits, compiler, None)
    }

    /// As [`Sandbox::new`]; code that was compiled once is kept in the cache.
    ///
    /// # Errors
    ///
    /// See [`Sandbox::new`].
    pub fn with_cache(
        limits: Limits,
        compiler: Compiler,
        cache: Option<Arc<dyn CodeCache>>,
    ) -> Result<Sandbox, HostError> {
        let engine = Engine::new(&limits::pooled(&limits)).map_err(HostError::new)?;
        let mut linker = Linker::new(&engine);
        bindings::nudge::policy::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)
            .map_err(HostError::new)?;
        bindings::nudge::policy::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)
            .map_err(HostError::new)?;
        tick(engine.weak())?;
        Ok(Sandbox(Arc::new(Inner {
            limits,
            compiler,
            cache,
            engine,
            linker,
            compiled: Mutex::new(BTreeMap::new()),
            compiling: Mutex::new(()),
        })))
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Admits a component: everything that can be known without settings.
    ///
    /// # Errors
    ///
    /// The first reason why not.
    pub fn admit(&self, bytes: &[u8]) -> Result<Policy, AdmitError> {
        let (anatomy, problems) = admit::examine(bytes, &self.0.limits);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let digest = Digest::of(bytes);
        let compiled = self.compiled(digest, &anatomy, bytes)?;
        let manifest = evaluate::describe(&self.0, &compiled)?;
        if let Some(problem) = check::manifest_problems(&manifest).into_iter().next() {
            return Err(problem);
        }
        Ok(Policy { sandbox: self.clone(), compiled, digest, manifest: Arc::new(manifest) })
    }

    fn compiled(
        &self,
        digest: Digest,
        anatomy: &Anatomy,
        bytes: &[u8],
    ) -> Result<Arc<Compiled>, AdmitError> {
        // A panic in the compiler leaves nothing half done behind these locks.
        let known = || {
            let compiled = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            compiled.get(&digest).and_then(Weak::upgrade)
        };
        if let Some(compiled) = known() {
            return Ok(compiled);
        }
        let _compiling = self.0.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known() {
            return Ok(compiled);
        }
        let component = self.compile(digest, bytes)?;
        let instance = self.link(&component)?;
        let (kinds, tests) = (anatomy.kinds(), anatomy.has_tests());
        let made = Arc::new(Compiled { kinds, tests, instance });
        let mut compiled = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.retain(|_, compiled| compiled.strong_count() > 0);
        compiled.insert(digest, Arc::downgrade(&made));
        Ok(made)
    }

    fn compile(&self, digest: Digest, bytes: &[u8]) -> Result<Component, AdmitError> {
        let Inner { compiler, cache, engine, limits, .. } = &*self.0;
        compile::compile(compiler, cache.as_deref(), engine, limits, digest, bytes)
    }

    fn link(&self, component: &Component) -> Result<InstancePre<Guest>, AdmitError> {
        let contract = |error: wasmtime::Error| AdmitError::Contract(format!("{error:#}"));
        self.0.linker.instantiate_pre(component).map_err(contract)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

/// The thread that tells running policies how late it is; it ends with its engine.
fn tick(engine: EngineWeak) -> Result<(), HostError> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(limits::TICK);
        }
    };
    std::thread::Builder::new()
        .name("nudge-epoch".to_owned())
        .spawn(tick)
        .map(drop)
        .map_err(HostError::new)
}

impl Policy {
    /// The component's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Who it says it is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The kinds that it is.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.compiled.kinds
    }

    /// The policy with settings, a JSON document, ready to be asked.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings, or with the policy's answer to them.
    pub fn configure(&self, settings: &str) -> Result<Configured, AdmitError> {
        Configured::new(self.clone(), settings)
    }
}
