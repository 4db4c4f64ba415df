//! The service as who manages tenants sees it: tenants, keys, policies, releases. Only doors; the rooms behind
//! them are `tenants`, `policies` and `release`.

use std::sync::Arc;

use super::words::{
    CreatedKey, KeyInfo, NewKey, NewTenant, PolicyInfo, ReleaseInfo, Tenant, TenantChange,
};
use super::{Error, Service, TenantName, release};

impl Service {
    /// All tenants, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<Tenant> {
        self.0.tenants()
    }

    /// A tenant.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn tenant(&self, name: &str) -> Result<Tenant, Error> {
        let found = self.0.tenants().into_iter().find(|tenant| tenant.name == name);
        found.ok_or_else(|| release::no_tenant(&TenantName::known(name)))
    }

    /// The name of a tenant that there is.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn tenant_name(&self, name: &str) -> Result<TenantName, Error> {
        self.tenant(name).map(|tenant| TenantName::known(&tenant.name))
    }

    /// Adds a tenant.
    ///
    /// # Errors
    ///
    /// If the name is none, or taken.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant, Error> {
        blocking!(self, ; core => core.create_tenant(&new))
    }

    /// Suspends a tenant or takes it up again.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub async fn change_tenant(&self, name: &str, change: TenantChange) -> Result<Tenant, Error> {
        blocking!(self, name = TenantName::known(name); core => core.change_tenant(&name, &change))
    }

    /// Removes a tenant with everything that is its.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or the store fails; the removal then goes on at the next start.
    pub async fn delete_tenant(&self, name: &str) -> Result<(), Error> {
        blocking!(self, name = TenantName::known(name); core => core.delete_tenant(&name))
    }

    /// A tenant's keys, without their secrets.
    ///
    /// # Errors
    ///
    /// If there is no such tenant; so for all that follow.
    pub fn keys(&self, tenant: &TenantName) -> Result<Vec<KeyInfo>, Error> {
        self.0.keys(tenant)
    }

    /// Adds a key. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    ///
    /// If the tenant has too many, or the scope is none of a tenant.
    pub async fn create_key(&self, tenant: &TenantName, new: NewKey) -> Result<CreatedKey, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.create_key(&tenant, &new))
    }

    /// Revokes a key.
    ///
    /// # Errors
    ///
    /// If there is no such key.
    pub async fn revoke_key(&self, tenant: &TenantName, id: &str) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(), id = id.to_owned(); core => core.revoke_key(&tenant, &id))
    }

    /// Admits a component as one of the tenant's policies; true if it is new there.
    ///
    /// # Errors
    ///
    /// The first reason why it is not admitted.
    pub async fn upload_policy(
        &self,
        tenant: &TenantName,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<(PolicyInfo, bool), Error> {
        blocking!(self, tenant = tenant.clone(), bytes = bytes.into(); core => core.upload(&tenant, bytes))
    }

    /// A tenant's policies.
    ///
    /// # Errors
    ///
    /// See [`Service::keys`].
    pub fn policies(&self, tenant: &TenantName) -> Result<Vec<PolicyInfo>, Error> {
        self.0.policies(tenant)
    }

    /// One of a tenant's policies.
    ///
    /// # Errors
    ///
    /// If the tenant has no such policy.
    pub fn policy(&self, tenant: &TenantName, digest: &str) -> Result<PolicyInfo, Error> {
        self.0.policy(tenant, digest)
    }

    /// Removes a policy.
    ///
    /// # Errors
    ///
    /// If the tenant has no such policy, or a release needs it.
    pub async fn delete_policy(&self, tenant: &TenantName, digest: &str) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(), digest = digest.to_owned();
            core => core.delete_policy(&tenant, &digest))
    }

    /// Checks a strategy, in TOML or JSON, and keeps it as a release.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub async fn propose(
        &self,
        tenant: &TenantName,
        document: String,
    ) -> Result<ReleaseInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.propose(&tenant, &document))
    }

    /// A tenant's releases, newest first.
    ///
    /// # Errors
    ///
    /// See [`Service::keys`].
    pub fn releases(&self, tenant: &TenantName) -> Result<Vec<ReleaseInfo>, Error> {
        self.0.releases(tenant)
    }

    /// One of a tenant's releases.
    ///
    /// # Errors
    ///
    /// If there is no such release.
    pub fn release(&self, tenant: &TenantName, number: u64) -> Result<ReleaseInfo, Error> {
        self.0.release(tenant, number)
    }

    /// Puts a release to work; a batch under way ends with the one before.
    ///
    /// Who waits at a node goes on waiting, under the new release's first rule for that node: time that
    /// has passed counts, what was said about the visit is not said again, and messages under way keep
    /// their plan. Everybody's deadline is found anew in the background.
    ///
    /// # Errors
    ///
    /// If there is no such release, or it cannot be put to work.
    pub async fn activate(&self, tenant: &TenantName, number: u64) -> Result<ReleaseInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.activate(&tenant, number))
    }

    /// Puts the release to work that was before.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn roll_back(&self, tenant: &TenantName) -> Result<ReleaseInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.roll_back(&tenant))
    }

    /// Puts no release to work: events are kept, and nothing is decided.
    ///
    /// # Errors
    ///
    /// See [`Service::keys`].
    pub async fn switch_off(&self, tenant: &TenantName) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(); core => core.switch_off(&tenant))
    }
}
