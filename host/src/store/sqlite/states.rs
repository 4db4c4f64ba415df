//! States and timers, read: the overlay over `state.db`. Touches both, reading only.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::codec::state_sum;
use super::overlay::Timer;
use super::pool::{READ, within};
use super::{Shared, limit};
use crate::engine::event::Instant;
use crate::store::{Due, Seq, StoreError, Stored, TenantId, UserKey};

/// Rows that are read at once at least and at most, whatever is asked for: some may be hidden.
const PAGE: (usize, usize) = (64, 8192);
/// Users from which on several threads load them: a disk answers many questions as fast as one.
const SHARED: usize = 128;
/// How many threads that are.
const SHARES: usize = 4;

impl Shared {
    /// See [`crate::store::Store::load`].
    pub(super) fn load(&self, keys: &[UserKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut found: Vec<Option<Stored>> = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        // The overlay first: what leaves it afterwards is in the file by then.
        let inner = self.overlay.lock();
        for (index, key) in keys.iter().enumerate() {
            let entry = inner.get(key);
            found.push(entry.and_then(|entry| {
                let state = Arc::clone(entry.state.as_ref()?);
                Some(Stored { last: entry.last, due: entry.due, state })
            }));
            if entry.is_none() {
                missing.push((key, index));
            }
        }
        drop(inner);
        if missing.is_empty() {
            return Ok(found);
        }
        // Neighbours in the index share its pages.
        missing.sort_unstable();
        let shares = if missing.len() < SHARED { 1 } else { SHARES };
        let mut shares = missing.chunks(missing.len().div_ceil(shares));
        let own = shares.next().unwrap_or_default();
        let (mut states, mut results) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            let mut others = Vec::new();
            for share in shares {
                let name = std::thread::Builder::new().name("store-load".to_owned());
                match name.spawn_scoped(scope, move || self.load_cold(share)) {
                    Ok(other) => others.push(other),
                    // Without a thread to help it is slower, no more.
                    Err(_) => results.push(self.load_cold(share)),
                }
            }
            results.push(self.load_cold(own));
            let gone = |_| Err(StoreError::Failed("a thread that reads panicked".into()));
            results.extend(others.into_iter().map(|other| other.join().unwrap_or_else(gone)));
        });
        for result in results {
            states.append(&mut result?);
        }
        for (index, state) in states {
            if let Some(slot) = found.get_mut(index) {
                *slot = Some(state);
            }
        }
        Ok(found)
    }

    /// States in the file, each with its index.
    fn load_cold(&self, keys: &[(&UserKey, usize)]) -> Result<Vec<(usize, Stored)>, StoreError> {
        self.read_state.read(|connection| {
            within(connection, READ, |connection| {
                let mut one = connection.prepare_cached(
                    "SELECT due, last, sum, image FROM state WHERE tenant = ?1 AND user = ?2",
                )?;
                let mut found = Vec::with_capacity(keys.len());
                for (key, index) in keys {
                    let row = |row: &Row<'_>| Ok(stored(key, row));
                    let row = one.query_row(params![key.tenant.0, key.user], row).optional()?;
                    if let Some(row) = row {
                        found.push((*index, row?));
                    }
                }
                Ok(found)
            })
        })
    }

    /// See [`crate::store::Store::due`].
    pub(super) fn due(
        &self,
        until: Instant,
        after: Option<&Due>,
        most: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let mut after: Option<Timer> = after.map(|due| (due.at, due.key.clone()));
        let mut found: Vec<Timer> = Vec::new();
        let mut page = most.clamp(PAGE.0, PAGE.1);
        let _hold = self.overlay.hold();
        while found.len() < most {
            // Timers in the file up to the floor are all hidden.
            let floor = self.overlay.lock().floor();
            let from = after.clone().max(floor.clone());
            let rows = self.timers(from.as_ref(), until, page)?;
            let end = if rows.len() < page { None } else { rows.last().cloned() };

            let mut inner = self.overlay.lock();
            if from == floor {
                let hidden = rows.iter().take_while(|(_, key)| inner.get(key).is_some());
                if let Some(last) = hidden.last() {
                    inner.raise_floor(last.clone());
                }
            }
            let within =
                |timer: &Timer| timer.0 <= until && end.as_ref().is_none_or(|end| timer <= end);
            let mut next = inner.timers(after.as_ref(), within, most - found.len());
            next.extend(rows.into_iter().filter(|(_, key)| inner.get(key).is_none()));
            drop(inner);
            next.sort_unstable();
            next.truncate(most - found.len());
            found.append(&mut next);
            if end.is_none() {
                break;
            }
            after = end;
            page = (page * 2).min(PAGE.1);
        }
        Ok(found.into_iter().map(|(at, key)| Due { at, key }).collect())
    }

    /// Timers in the file after `after`.
    fn timers(
        &self,
        after: Option<&Timer>,
        until: Instant,
        most: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        let (at, tenant, user) = match after {
            Some((at, key)) => (at.0, i64::from(key.tenant.0), &*key.user),
            None => (i64::MIN, -1, ""),
        };
        self.read_state.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT due, tenant, user FROM state INDEXED BY state_due \
                 WHERE due IS NOT NULL AND (due, tenant, user) > (?1, ?2, ?3) AND due <= ?4 \
                 ORDER BY due, tenant, user LIMIT ?5",
            )?;
            let rows = rows.query_map(params![at, tenant, user, until.0, limit(most)], |row| {
                let key = UserKey { tenant: TenantId(row.get(1)?), user: row.get(2)? };
                Ok((Instant(row.get(0)?), key))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::users`].
    pub(super) fn users(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Arc<str>>, StoreError> {
        let key = |user: &str| UserKey { tenant, user: Arc::from(user) };
        let mut after = after.map(key);
        let mut found = Vec::new();
        let mut page = most.clamp(PAGE.0, PAGE.1);
        let _hold = self.overlay.hold();
        while found.len() < most {
            let rows = self.names(tenant, after.as_ref(), page)?;
            let end = if rows.len() < page { None } else { rows.last().cloned() };

            let inner = self.overlay.lock();
            let within = |key: &UserKey| end.as_ref().is_none_or(|end| key <= end);
            let mut next = inner.users(tenant, after.as_ref(), within, most - found.len());
            let visible = rows.into_iter().filter(|key| inner.get(key).is_none());
            next.extend(visible.map(|key| key.user));
            drop(inner);
            next.sort_unstable();
            next.truncate(most - found.len());
            found.append(&mut next);
            if end.is_none() {
                break;
            }
            after = end;
            page = (page * 2).min(PAGE.1);
        }
        Ok(found)
    }

    /// A tenant's users in the file after `after`.
    fn names(
        &self,
        tenant: TenantId,
        after: Option<&UserKey>,
        most: usize,
    ) -> Result<Vec<UserKey>, StoreError> {
        self.read_state.read(|connection| {
            let (than, name) = after.map_or((">=", ""), |key| (">", &*key.user));
            let mut rows = connection.prepare_cached(&format!(
                "SELECT user FROM state WHERE tenant = ?1 AND user {than} ?2 \
                 ORDER BY user LIMIT ?3"
            ))?;
            let rows = rows.query(params![tenant.0, name, limit(most)])?;
            let key = |row: &Row<'_>| Ok(UserKey { tenant, user: row.get(0)? });
            Ok(rows.mapped(key).collect::<Result<_, _>>()?)
        })
    }
}

fn stored(key: &UserKey, row: &Row<'_>) -> Result<Stored, StoreError> {
    let (due, last): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
    let image = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    if state_sum((key.tenant.0, &key.user), due, last, image) != row.get::<_, i64>(2)? {
        return Err(StoreError::Damaged(format!(
            "the state of user {:?} of tenant {} does not match its sum",
            key.user, key.tenant.0
        )));
    }
    let last = Seq(last.cast_unsigned());
    Ok(Stored { last, due: due.map(Instant), state: Arc::from(image) })
}
