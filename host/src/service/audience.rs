//! Groups and campaigns as who manages a tenant sees them. Only doors; the room behind them is `campaigns`.

use std::sync::Arc;

use super::words::{CampaignInfo, CampaignPreview, GroupInfo, MemberInfo, NewCampaign, Page};
use super::{Error, Service, TenantName};

impl Service {
    /// Composes and keeps a campaign; it reaches nobody before it is launched.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; or if no release is at work.
    pub async fn create_campaign(
        &self,
        tenant: &TenantName,
        new: NewCampaign,
    ) -> Result<CampaignInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.create_campaign(&tenant, new))
    }

    /// Whom a campaign would reach now; sends nothing.
    ///
    /// # Errors
    ///
    /// As for [`Service::create_campaign`].
    pub async fn preview_campaign(
        &self,
        tenant: &TenantName,
        new: NewCampaign,
    ) -> Result<CampaignPreview, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.preview_campaign(&tenant, &new))
    }

    /// Lets a campaign go out, from the beginning or from where it was paused.
    ///
    /// # Errors
    ///
    /// If there is none of that number, or it is over or out already.
    pub async fn launch_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.launch_campaign(&tenant, number))
    }

    /// Halts a campaign where it is.
    ///
    /// # Errors
    ///
    /// If there is none of that number, or it is not going out.
    pub async fn pause_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.pause_campaign(&tenant, number))
    }

    /// Ends a campaign for good. Messages that are under way go on.
    ///
    /// # Errors
    ///
    /// If there is none of that number, or it is over.
    pub async fn cancel_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.cancel_campaign(&tenant, number))
    }

    /// Deletes a campaign that is not going out, with what was counted of it.
    ///
    /// # Errors
    ///
    /// If there is none of that number, or it is going out.
    pub async fn delete_campaign(&self, tenant: &TenantName, number: u64) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(); core => core.delete_campaign(&tenant, number))
    }

    /// All campaigns, newest first.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store cannot be read; so for all that follow.
    pub async fn campaigns(&self, tenant: &TenantName) -> Result<Vec<CampaignInfo>, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.campaigns(&tenant))
    }

    /// One campaign, with its counts.
    ///
    /// # Errors
    ///
    /// If there is none of that number.
    pub async fn campaign(&self, tenant: &TenantName, number: u64) -> Result<CampaignInfo, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.campaign(&tenant, number))
    }

    /// The groups of all segment criteria, with how many belong to each.
    ///
    /// # Errors
    ///
    /// See [`Service::campaigns`].
    pub async fn groups(&self, tenant: &TenantName) -> Result<Vec<GroupInfo>, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.groups(&tenant))
    }

    /// Members of a group in the order in which they joined, after a place of an answer before.
    ///
    /// # Errors
    ///
    /// If the place is none.
    pub async fn members(
        &self,
        tenant: &TenantName,
        policy: String,
        group: String,
        after: Option<String>,
        most: usize,
    ) -> Result<Page<MemberInfo>, Error> {
        blocking!(self, tenant = tenant.clone();
            core => core.members(&tenant, (&policy, &group), after.as_deref(), most))
    }
}
