//! What one place says: the keys of accounts, of the lake and of its policy, the sources of the other side, the roles, and
//! session settings. Layers are laid over each other key by key.

use std::collections::BTreeMap;

use super::DEFAULT_ACCOUNT;
use crate::api::config::AccountSettings;
use crate::books::settings::BookSettings;
use crate::engine::roles::settings::RoleSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::settings::PolicySettings;
use crate::lake::settings::LakeSettings;

#[derive(Default)]
pub(super) struct Layer {
    pub(super) accounts: BTreeMap<String, AccountSettings>,
    pub(super) lake: LakeSettings,
    pub(super) policy: PolicySettings,
    pub(super) books: BTreeMap<String, BookSettings>,
    pub(super) roles: BTreeMap<String, RoleSettings>,
    pub(super) settings: BTreeMap<String, String>,
}

impl Layer {
    /// Lays another layer over this one.
    pub(super) fn overlay(&mut self, upper: Self) {
        for (name, keys) in upper.accounts {
            self.overlay_account(name, keys);
        }
        self.lake = upper.lake.over(std::mem::take(&mut self.lake));
        self.policy = upper.policy.over(std::mem::take(&mut self.policy));
        for (name, keys) in upper.books {
            let lower = self.books.remove(&name).unwrap_or_default();
            self.books.insert(name, keys.over(lower));
        }
        for (name, keys) in upper.roles {
            let lower = self.roles.remove(&name).unwrap_or_default();
            self.roles.insert(name, keys.over(lower));
        }
        self.settings.extend(upper.settings);
    }

    /// Lays keys that name no account over the only one there is.
    pub(super) fn overlay_only_account(&mut self, keys: AccountSettings, from: &str) -> Result<()> {
        let mut names = self.accounts.keys().cloned();
        let name = names.next().unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        if names.next().is_some() {
            let names: Vec<&str> = self.accounts.keys().map(String::as_str).collect();
            return Err(Error::new(ErrorKind::Config, format!("{from} speaks of one account, and the file has several"))
                .with("accounts", names.join(", "))
                .hint("unset it, or say --set accounts.NAME.KEY=VALUE"));
        }
        self.overlay_account(name, keys);
        Ok(())
    }

    fn overlay_account(&mut self, name: String, keys: AccountSettings) {
        let lower = self.accounts.remove(&name).unwrap_or_default();
        self.accounts.insert(name, keys.over(lower));
    }

    /// The accounts; one without any key when none is configured, for the error that tells how to configure it.
    pub(super) fn accounts_or_default(&mut self) -> BTreeMap<String, AccountSettings> {
        if self.accounts.is_empty() {
            self.accounts.insert(DEFAULT_ACCOUNT.to_owned(), AccountSettings::default());
        }
        std::mem::take(&mut self.accounts)
    }
}
