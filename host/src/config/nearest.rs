//! Which of the known names somebody meant. Pure: names in, a name out.

/// The nearest of the names, if it is near enough to be worth a question. Of two equally near the first.
pub(super) fn nearest<'a>(
    meant: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, usize)> {
    // A third of the letters wrong is another word. What is far too long is no slip, and costs time.
    let letters = meant.chars().count();
    if letters > 64 {
        return None;
    }
    let enough = (letters / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (name, distance(meant, name)))
        .filter(|(_, distance)| *distance <= enough)
        .min_by_key(|(_, distance)| *distance)
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbour. Case does not
/// count, and a hyphen is as good as an underscore.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    // The last two rows of the table, for the swap reaches back two.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let replaced = at(&last, j) + usize::from(letter != other);
            let mut least = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && a.get(i - 1) == Some(other) && b.get(j - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, steps) in [
            ("rate", "rate", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("rate", "raet", 1),
            ("rate", "rat", 1),
            ("rate", "crate", 1),
            ("rate", "rats", 1),
            ("queue-Events", "queue_events", 0),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["queue_events", "queue_bytes", "rate"];
        assert_eq!(nearest("queue_eventz", names), Some(("queue_events", 1)));
        assert_eq!(nearest("rte", names), Some(("rate", 1)));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"rate".repeat(100), names), None);
    }
}
