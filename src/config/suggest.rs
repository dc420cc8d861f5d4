//! "Did you mean": the known name that is closest to a wrong one.

/// `did you mean …?`, or the list of what is known when it is short.
pub(crate) fn fix<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known.iter().map(|name| (distance(wrong, name), *name)).min();
    match near {
        Some((steps, name)) if steps <= 2.max(wrong.chars().count() / 3) => Some(format!("did you mean `{name}`?")),
        _ if known.is_empty() => None,
        _ => Some(format!("known: {}", known.join(", "))),
    }
}

/// A name from the file, for a message. **Threat:** what is too long for a name may be a secret in the wrong place.
pub(crate) fn quoted(name: &str) -> String {
    if name.len() <= 40 && !name.contains(char::is_control) {
        format!("`{name}`")
    } else {
        "(too long to repeat)".to_owned()
    }
}

/// How many single-character insertions, deletions and substitutions lie between two names, case aside.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, one) in left.to_lowercase().chars().enumerate() {
        let mut next = vec![place.saturating_add(1)];
        for ((other, above_left), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let substituted = above_left.saturating_add(usize::from(one != *other));
            let before = next.last().copied().unwrap_or_default();
            next.push(substituted.min(above.saturating_add(1)).min(before.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(fix("githb", ["stripe", "github"]).as_deref(), Some("did you mean `github`?"));
        assert_eq!(fix("Method", ["methods", "path"]).as_deref(), Some("did you mean `methods`?"));
        assert_eq!(fix("zzzzzz", ["stripe", "github"]).as_deref(), Some("known: stripe, github"));
        assert_eq!(fix("x", []), None);
    }

    #[test]
    fn the_distance_counts_single_changes() {
        for (left, right, steps) in [("", "", 0), ("a", "", 1), ("abc", "abd", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(left, right), steps, "{left} {right}");
        }
    }
}
