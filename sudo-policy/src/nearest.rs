//! What somebody may have meant who wrote a name that does not exist.

/// Names longer than this are not compared; none of ours comes near it.
const LONGEST: usize = 64;

/// The name of `known` that is most like `written`, if any is alike.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = written.to_lowercase();
    let length = written.chars().count();
    if length > LONGEST {
        return None;
    }
    // Two letters of six may be wrong, one of three, none of two.
    let most = length / 3;
    known
        .into_iter()
        .map(|name| (distance(&written, name), name))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to make one
/// name of the other.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Three rows of the usual table: two letters back, one letter back, and the one in the making.
    let mut before_last = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for letter in one.chars() {
        let mut row = Vec::with_capacity(last.len());
        row.push(last.first().map_or(0, |first| first + 1));
        let mut behind = None;
        for (at, &other_letter) in other.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let changed = cell(&last, at) + usize::from(letter != other_letter);
            let mut best = changed.min(cell(&last, at + 1) + 1).min(cell(&row, at) + 1);
            if at > 0 && previous == Some(other_letter) && behind == Some(letter) {
                best = best.min(cell(&before_last, at - 1) + 1);
            }
            row.push(best);
            behind = Some(other_letter);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_put_in_taken_out_changed_or_swapped_counts_as_one() {
        for (one, other, wanted) in [
            ("", "", 0),
            ("", "abc", 3),
            ("args", "args", 0),
            ("arg", "args", 1),
            ("argss", "args", 1),
            ("argz", "args", 1),
            ("agrs", "args", 1),
            ("path", "args", 4),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
            assert_eq!(distance(other, one), wanted, "{other} {one}");
        }
    }

    #[test]
    fn only_what_is_alike_is_suggested() {
        let known = ["path", "args", "args_any_of", "args_pattern", "run_as"];
        for (written, wanted) in [
            ("pth", Some("path")),
            ("Path", Some("path")),
            ("runas", Some("run_as")),
            ("arg_pattern", Some("args_pattern")),
            ("args_anyof", Some("args_any_of")),
            ("setenv", None),
            ("xy", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), wanted, "{written}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
    }
}
