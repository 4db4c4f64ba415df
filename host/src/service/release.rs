//! Releases: versions of a tenant's strategy, each whole. One is at work at a time; another takes its
//! place between two batches. One whose policy keeps faulting is switched off by itself.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::batch::APP;
use super::book::{Account, Pinned, RELEASE, ReleaseRecord, TENANT, TenantRecord, put};
use super::core::{Core, stored};
use super::faults::Faults;
use super::lane::{Lane, lock};
use super::policies::component;
use super::words::{PolicyUse, ReleaseInfo, ReleaseStatus};
use super::{Error, TenantName};
use crate::engine::policy::Policy;
use crate::engine::{Engine, Strategy, TrackingKey};
use crate::sandbox::{AdmitError, Configured, Digest, Issue};
use crate::standard;
use crate::store::Change;
use crate::strategy::{self, Document, PolicyEntry};

/// Releases of a tenant that are kept; the oldest that are not at work make way.
const MOST_RELEASES: usize = 50;

/// A release at work.
pub(super) struct Live {
    pub(super) number: u64,
    pub(super) engine: Engine,
    pub(super) policies: Vec<(Arc<str>, Arc<Configured>)>,
    pub(super) faults: Mutex<BTreeMap<Arc<str>, Faults>>,
    /// It is being switched off.
    pub(super) going: AtomicBool,
}

impl Live {
    /// What its policies have used.
    fn uses(&self) -> Vec<PolicyUse> {
        let faults = lock(&self.faults);
        let of = |(label, policy): &(Arc<str>, Arc<Configured>)| {
            let usage = policy.usage();
            PolicyUse {
                label: label.to_string(),
                digest: policy.digest().to_string(),
                name: policy.manifest().name.clone(),
                version: policy.manifest().version.clone(),
                calls: usage.calls,
                rows: usage.rows,
                fuel: usage.fuel,
                most_fuel: usage.most_fuel,
                memory_bytes: usage.memory_bytes,
                faults: faults.get(label).map_or(0, |faults| faults.all),
            }
        };
        self.policies.iter().map(of).collect()
    }
}

/// A document with a component for each of its policies.
struct Proposal {
    document: Document,
    pinned: Vec<Pinned>,
    /// Components that the service brings along, by digest.
    standard: Vec<(String, Vec<u8>)>,
}

impl Core {
    /// Checks a strategy and keeps it as a release.
    pub(super) fn propose(&self, tenant: &TenantName, text: &str) -> Result<ReleaseInfo, Error> {
        let document = strategy::document(text).map_err(Error::invalid)?;
        let account = self.account(tenant)?;
        self.check_channels(&account, &document)?;
        let proposal = pin(&account, document)?;
        let bring = |(digest, bytes): &(String, Vec<u8>)| Change::PutBlob {
            name: component(digest),
            bytes: bytes.clone(),
        };
        // The service's own components are kept with the release, so that it stays what it is when the
        // service gets newer ones.
        let brought: Vec<Change> = proposal.standard.iter().map(bring).collect();
        self.change(&brought)?;
        let strategy = serde_json::to_value(&proposal.document)
            .map_err(|error| Error::invalid(error.to_string()))?;
        let mut record = ReleaseRecord {
            number: 0,
            status: ReleaseStatus::Ready,
            reason: None,
            created: self.clock.now().0,
            activated: None,
            pinned: proposal.pinned,
            strategy,
        };
        // Policies may have to be compiled: nothing is locked meanwhile.
        let live = self.build(&account.record, &record)?;
        self.check_campaigns(tenant, &live, &proposal.document)?;
        for (pinned, (_, policy)) in record.pinned.iter_mut().zip(&live.policies) {
            pinned.name.clone_from(&policy.manifest().name);
            pinned.version.clone_from(&policy.manifest().version);
        }
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        record.number = account.releases.keys().next_back().map_or(1, |last| last + 1);
        let kept = |digest: &String| {
            account.policies.contains_key(digest)
                || proposal.standard.iter().any(|(standard, _)| standard == digest)
        };
        if let Some(Pinned { label, .. }) = record.pinned.iter().find(|p| !kept(&p.digest)) {
            return Err(Error::Conflict(format!("the component of policy {label:?} was removed")));
        }
        let mut changes = brought;
        changes.push(put(RELEASE, account.record.number, record.number, &record)?);
        let surplus = (account.releases.len() + 1).saturating_sub(MOST_RELEASES);
        let idle = |r: &&ReleaseRecord| r.status != ReleaseStatus::Active;
        let mut freed = Vec::new();
        for old in account.releases.values().filter(idle).take(surplus) {
            changes.push(super::book::remove(RELEASE, account.record.number, old.number));
            freed.extend(old.pinned.iter().map(|pinned| pinned.digest.clone()));
        }
        self.change(&changes)?;
        self.drop_components(freed)?;
        Ok(info(&record, live.uses()))
    }

    fn check_channels(&self, account: &Account, document: &Document) -> Result<(), Error> {
        let own = account.channels.keys().map(String::as_str);
        let known: Vec<&str> = [APP].into_iter().chain(self.channels.names()).chain(own).collect();
        let channels = document.channel.iter().enumerate();
        let unknown = channels.filter(|(_, channel)| !known.contains(&channel.name.as_str()));
        let issue = |(at, channel): (usize, &strategy::Channel)| Issue {
            path: format!("/channel/{at}/name"),
            message: format!(
                "{:?} is no channel here: there are {}",
                channel.name,
                known.join(", ")
            ),
        };
        let issues: Vec<Issue> = unknown.map(issue).collect();
        if issues.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid { detail: "the strategy names unknown channels".to_owned(), issues })
    }

    /// What an engine for a release is made of.
    pub(super) fn build(
        &self,
        tenant: &TenantRecord,
        release: &ReleaseRecord,
    ) -> Result<Live, Error> {
        self.build_heard(tenant, release, |_, policy| policy)
    }

    /// The same, with somebody between the engine and each policy.
    pub(super) fn build_heard(
        &self,
        tenant: &TenantRecord,
        release: &ReleaseRecord,
        between: impl Fn(&Arc<str>, Arc<Configured>) -> Arc<dyn Policy>,
    ) -> Result<Live, Error> {
        let damaged = |error: serde_json::Error| Error::Unavailable(format!("release: {error}"));
        let document: Document =
            serde_json::from_value(release.strategy.clone()).map_err(damaged)?;
        let mut policies: Vec<(Arc<str>, Arc<Configured>)> = Vec::new();
        for (at, entry) in document.policy.iter().enumerate() {
            let label = entry.label();
            let digest = release.pinned.get(at).map_or("", |pinned| pinned.digest.as_str());
            let name = component(digest);
            let bytes = self.store.blob(&name).map_err(stored)?.ok_or_else(|| {
                Error::Unavailable(format!("the component {digest} of policy {label:?} is missing"))
            })?;
            let settings = serde_json::to_string(&entry.settings).map_err(damaged)?;
            let place = |issue: Issue| Issue {
                path: format!("/policy/{at}/settings{}", issue.path),
                message: issue.message,
            };
            let under = |error| match error {
                AdmitError::Settings(issues) => {
                    AdmitError::Settings(issues.into_iter().map(place).collect())
                }
                error => error,
            };
            let policy = self.sandbox.admit(&bytes).map_err(under)?;
            let configured = policy.configure(&settings).map_err(under)?;
            policies.push((label.into(), Arc::new(configured)));
        }
        let part = |(entry, (label, policy)): (&PolicyEntry, &(Arc<str>, Arc<Configured>))| {
            entry.part(between(label, policy.clone()))
        };
        let rails = document.guard.read(&document.topic).map_err(Error::invalid)?;
        let strategy = Strategy::new(
            &tenant.name,
            TrackingKey::new(tenant.secret.as_bytes()),
            document.policy.iter().zip(&policies).map(part).collect(),
            strategy::contents(&document.messages),
            strategy::channels(&document.channel),
        )
        .and_then(|strategy| strategy.guarded(rails))
        .map_err(|error| Error::invalid(error.to_string()))?;
        let (number, engine) = (release.number, Engine::new(strategy).live());
        let (faults, going) = (Mutex::default(), AtomicBool::new(false));
        Ok(Live { number, engine, policies, faults, going })
    }

    /// Puts releases to work that are active by the book and are not, as at a start.
    pub(super) fn revive_all(&self) {
        for lane in self.lanes() {
            let _changing = lock(&self.changing);
            if lane.live().is_none() {
                self.revive(&lane);
            }
        }
    }

    fn revive(&self, lane: &Lane) {
        let found = self.read_book(|book| {
            let account = book.tenant(lane.name.as_str())?;
            Some((account.record.clone(), account.active()?.clone()))
        });
        let Some((tenant, release)) = found else { return };
        match self.build(&tenant, &release) {
            Ok(live) => lane.set_live(Some(Arc::new(live))),
            Err(error) => {
                tracing::error!(tenant = lane.id.0, "its release cannot be put to work: {error}");
                // Timers that fire meanwhile come to nothing: they are found anew when it is at work.
                let tenant = TenantRecord { retime: true, ..tenant };
                let noted = put(TENANT, tenant.number, &tenant.name, &tenant);
                if let Err(error) = noted.and_then(|note| self.change(&[note])) {
                    tracing::error!(tenant = lane.id.0, "nor can that be noted: {error}");
                }
            }
        }
    }

    /// Puts a release to work in the place of the one that is.
    pub(super) fn activate(&self, tenant: &TenantName, number: u64) -> Result<ReleaseInfo, Error> {
        let _changing = lock(&self.changing);
        self.activate_held(tenant, number, ReleaseStatus::Retired, None)
    }

    /// As [`Core::activate`], by somebody who holds `changing`: the one that was active gets this status
    /// and this reason.
    pub(super) fn activate_held(
        &self,
        tenant: &TenantName,
        number: u64,
        status: ReleaseStatus,
        reason: Option<String>,
    ) -> Result<ReleaseInfo, Error> {
        let account = self.account(tenant)?;
        let release = account.releases.get(&number);
        let mut release =
            release.cloned().ok_or_else(|| Error::NotFound(format!("release {number}")))?;
        let lane = self.lane(tenant).ok_or_else(|| no_tenant(tenant))?;
        let at_work = lane.live().filter(|live| live.number == number);
        if release.status == ReleaseStatus::Active
            && let Some(live) = at_work
        {
            return Ok(info(&release, live.uses()));
        }
        let live = Arc::new(self.build(&account.record, &release)?);
        release.status = ReleaseStatus::Active;
        release.reason = None;
        release.activated = Some(self.clock.now().0);
        let mut changes = retire(&account, number, status, reason)?;
        changes.push(put(RELEASE, account.record.number, number, &release)?);
        changes.push(put(
            TENANT,
            account.record.number,
            &account.record.name,
            &TenantRecord { retime: true, ..account.record.clone() },
        )?);
        changes.extend(self.stand(&account, Some(&release))?);
        self.change(&changes)?;
        lane.set_live(Some(Arc::clone(&live)));
        self.retime_anew(&account.record);
        tracing::info!(tenant = lane.id.0, release = number, "at work");
        Ok(info(&release, live.uses()))
    }

    /// Puts the release to work that was before.
    pub(super) fn roll_back(&self, tenant: &TenantName) -> Result<ReleaseInfo, Error> {
        let _changing = lock(&self.changing);
        let before = self.account(tenant)?.before().map(|release| release.number);
        let before = before.ok_or_else(|| {
            Error::Conflict(
                "there is no release to roll back to: none was active before".to_owned(),
            )
        })?;
        self.activate_held(tenant, before, ReleaseStatus::Retired, None)
    }

    /// Puts no release to work: events are kept, and nothing is decided.
    pub(super) fn switch_off(&self, tenant: &TenantName) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        self.switch_off_held(tenant, ReleaseStatus::Retired, None)
    }

    pub(super) fn switch_off_held(
        &self,
        tenant: &TenantName,
        status: ReleaseStatus,
        reason: Option<String>,
    ) -> Result<(), Error> {
        let account = self.account(tenant)?;
        let mut changes = retire(&account, 0, status, reason)?;
        changes.extend(self.stand(&account, None)?);
        self.change(&changes)?;
        if let Some(lane) = self.lane(tenant) {
            lane.set_live(None);
        }
        Ok(())
    }

    /// A tenant's releases, newest first.
    pub(super) fn releases(&self, tenant: &TenantName) -> Result<Vec<ReleaseInfo>, Error> {
        let account = self.account(tenant)?;
        Ok(account.releases.values().rev().map(|release| self.told(tenant, release)).collect())
    }

    /// One of a tenant's releases.
    pub(super) fn release(&self, tenant: &TenantName, number: u64) -> Result<ReleaseInfo, Error> {
        let account = self.account(tenant)?;
        let release = account.releases.get(&number);
        let release = release.ok_or_else(|| Error::NotFound(format!("release {number}")))?;
        Ok(self.told(tenant, release))
    }

    fn told(&self, tenant: &TenantName, release: &ReleaseRecord) -> ReleaseInfo {
        let live = self.lane(tenant).and_then(|lane| lane.live());
        let uses = match live.filter(|live| live.number == release.number) {
            Some(live) => live.uses(),
            None => (release.pinned.iter())
                .map(|pinned| PolicyUse {
                    label: pinned.label.clone(),
                    digest: pinned.digest.clone(),
                    name: pinned.name.clone(),
                    version: pinned.version.clone(),
                    ..PolicyUse::default()
                })
                .collect(),
        };
        info(release, uses)
    }

    /// All about a tenant.
    pub(super) fn account(&self, tenant: &TenantName) -> Result<Account, Error> {
        let found = self.read_book(|book| book.tenant(tenant.as_str()).cloned());
        found.ok_or_else(|| no_tenant(tenant))
    }
}

pub(super) fn no_tenant(tenant: &TenantName) -> Error {
    Error::NotFound(format!("tenant {:?}", tenant.as_str()))
}

/// The active release, if it is another one, is no longer.
fn retire(
    account: &Account,
    next: u64,
    status: ReleaseStatus,
    reason: Option<String>,
) -> Result<Vec<Change>, Error> {
    let other = account.active().filter(|release| release.number != next);
    let change = |release: &ReleaseRecord| {
        let retired = ReleaseRecord { status, reason: reason.clone(), ..release.clone() };
        put(RELEASE, account.record.number, release.number, &retired)
    };
    other.map(change).into_iter().collect()
}

/// Finds the component that each policy of a document means.
fn pin(account: &Account, document: Document) -> Result<Proposal, Error> {
    let mut pinned = Vec::new();
    let mut brought = Vec::new();
    let mut issues = Vec::new();
    for (at, entry) in document.policy.iter().enumerate() {
        let wanted = entry.r#use.strip_prefix("sha256:").unwrap_or(&entry.r#use);
        let digest = if account.policies.contains_key(wanted) {
            wanted.to_owned()
        } else if let Some(bytes) = standard::policy(wanted) {
            let digest = Digest::of(bytes).to_string();
            brought.push((digest.clone(), bytes.to_vec()));
            digest
        } else {
            let standard = standard::names().collect::<Vec<_>>().join(", ");
            let message = format!(
                "{:?} is none of the tenant's policies, which are named by their digest, and none of the \
                 standard ones ({standard}); `nudge policy push` uploads what a strategy file names",
                entry.r#use
            );
            issues.push(Issue { path: format!("/policy/{at}/use"), message });
            continue;
        };
        let (name, version) = (String::new(), String::new());
        pinned.push(Pinned { label: entry.label().to_owned(), digest, name, version });
    }
    if issues.is_empty() {
        return Ok(Proposal { document, pinned, standard: brought });
    }
    Err(Error::Invalid { detail: "the strategy names unknown policies".to_owned(), issues })
}

fn info(release: &ReleaseRecord, policies: Vec<PolicyUse>) -> ReleaseInfo {
    ReleaseInfo {
        number: release.number,
        status: release.status,
        reason: release.reason.clone(),
        created: release.created,
        activated: release.activated,
        policies,
        strategy: release.strategy.clone(),
    }
}
