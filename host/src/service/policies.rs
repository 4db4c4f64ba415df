//! A tenant's policies: components that were admitted, each known by its digest. Identical bytes are kept
//! and compiled once, whoever uploads them.

use super::book::{POLICY, put, remove};
use super::core::Core;
use super::lane::lock;
use super::words::PolicyInfo;
use super::{Error, TenantName};
use crate::sandbox::{AdmitError, Digest};
use crate::store::Change;

/// Under which name a component is kept.
pub(super) fn component(digest: &str) -> String {
    format!("component/{digest}")
}

impl Core {
    /// Admits a component and keeps it for a tenant; true if the tenant did not have it.
    pub(super) fn upload(
        &self,
        tenant: &TenantName,
        bytes: Vec<u8>,
    ) -> Result<(PolicyInfo, bool), Error> {
        // Before the rest: what is too large is not even read through.
        let most = self.config.policies.component_bytes;
        if bytes.len() > most {
            return Err(AdmitError::TooLarge { bytes: bytes.len(), most }.into());
        }
        let digest = Digest::of(&bytes).to_string();
        let account = self.account(tenant)?;
        if let Some(known) = account.policies.get(&digest) {
            return Ok((known.clone(), false));
        }
        let full = |many: usize| many >= self.config.policies.most;
        let crowded = || {
            let most = self.config.policies.most;
            Error::Conflict(format!("the tenant has {most} policies: remove one that is not used"))
        };
        if full(account.policies.len()) {
            return Err(crowded());
        }
        // In a child process, and before anything is locked: nobody waits for a compiler but who brought
        // it work.
        let policy = self.sandbox.admit(&bytes)?;
        let manifest = policy.manifest();
        let info = PolicyInfo {
            digest: digest.clone(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            title: manifest.title.clone(),
            kinds: policy.kinds().words().map(str::to_owned).collect(),
            settings_schema: serde_json::from_str(&manifest.settings_schema)
                .map_err(|error| Error::invalid(format!("its settings schema: {error}")))?,
            bytes: bytes.len() as u64,
            uploaded: self.clock.now().0,
        };
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if full(account.policies.len()) {
            return Err(crowded());
        }
        self.change(&[
            Change::PutBlob { name: component(&digest), bytes },
            put(POLICY, account.record.number, &digest, &info)?,
        ])?;
        Ok((info, true))
    }

    /// A tenant's policies, by name and then by age.
    pub(super) fn policies(&self, tenant: &TenantName) -> Result<Vec<PolicyInfo>, Error> {
        let mut all: Vec<PolicyInfo> = self.account(tenant)?.policies.into_values().collect();
        all.sort_by(|a, b| (&a.name, a.uploaded, &a.digest).cmp(&(&b.name, b.uploaded, &b.digest)));
        Ok(all)
    }

    /// One of a tenant's policies.
    pub(super) fn policy(&self, tenant: &TenantName, digest: &str) -> Result<PolicyInfo, Error> {
        let found = self.account(tenant)?.policies.remove(digest);
        found.ok_or_else(|| Error::NotFound(format!("policy {digest:?}")))
    }

    /// Removes a policy that no release needs.
    pub(super) fn delete_policy(&self, tenant: &TenantName, digest: &str) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if !account.policies.contains_key(digest) {
            return Err(Error::NotFound(format!("policy {digest:?}")));
        }
        let user = account
            .releases
            .values()
            .find(|release| release.pinned.iter().any(|pinned| pinned.digest == digest));
        if let Some(release) = user {
            let number = release.number;
            return Err(Error::Conflict(format!("release {number} needs the policy")));
        }
        self.change(&[remove(POLICY, account.record.number, digest)])?;
        self.drop_components([digest.to_owned()])
    }

    /// Removes components that nobody needs any more.
    pub(super) fn drop_components(
        &self,
        digests: impl IntoIterator<Item = String>,
    ) -> Result<(), Error> {
        let unused = |digest: &String| !self.read_book(|book| book.needs(digest));
        let drop = |digest: String| Change::RemoveBlob { name: component(&digest) };
        let changes: Vec<Change> = digests.into_iter().filter(unused).map(drop).collect();
        if changes.is_empty() { Ok(()) } else { self.change(&changes) }
    }
}
