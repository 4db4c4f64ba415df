//! Sharing what is free among those who have some already: who has least gets first.

#[cfg(test)]
mod tests;

/// What one has, and how much more it could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) has: usize,
    pub(super) room: usize,
}

impl Claim {
    /// How much more it gets when all are filled up to `level`.
    fn filled(self, level: usize) -> usize {
        level.saturating_sub(self.has).min(self.room)
    }
}

/// How much more each gets, and who was the last to get one of those that do not go round.
pub(super) struct Shares {
    pub(super) each: Vec<usize>,
    pub(super) last: Option<usize>,
}

/// Shares `free` so that all are as equal as can be, as water fills vessels. What does not go round goes to one
/// after the other from `start` on.
pub(super) fn share(free: usize, claims: &[Claim], start: usize) -> Shares {
    let claim = |c: &Claim| Claim { has: c.has, room: c.room.min(free) };
    let claims: Vec<Claim> = claims.iter().map(claim).collect();
    let poured = |level: usize| claims.iter().map(|c| c.filled(level) as u128).sum::<u128>();
    let enough = free as u128;
    // The highest level that there is enough for.
    let mut level = 0;
    let mut above = claims.iter().map(|c| c.has.saturating_add(c.room)).max().unwrap_or(0);
    while level < above {
        let middle = level + (above - level).div_ceil(2);
        if poured(middle) <= enough { level = middle } else { above = middle - 1 }
    }
    let mut each: Vec<usize> = claims.iter().map(|claim| claim.filled(level)).collect();
    let mut rest = enough.saturating_sub(poured(level));
    let mut last = None;
    let (before, after) = (0..claims.len()).partition::<Vec<_>, _>(|slot| *slot < start);
    for slot in after.into_iter().chain(before) {
        if let (Some(claim), Some(got)) = (claims.get(slot), each.get_mut(slot))
            && rest > 0
            && claim.filled(level.saturating_add(1)) > *got
        {
            *got += 1;
            rest -= 1;
            last = Some(slot);
        }
    }
    Shares { each, last }
}
