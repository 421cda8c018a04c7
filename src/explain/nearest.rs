//! Near misses: the hosts that somebody who asks for an unknown one may have meant.

/// How alike two names must be, from 0 to 1.
const ALIKE: f64 = 0.6;

/// How many names are told.
const MOST: usize = 3;

/// The names most like `host`, the best first.
pub(super) fn nearest<'a>(host: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut alike: Vec<_> = known
        .map(|name| (strsim::normalized_damerau_levenshtein(host, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    alike.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.cmp(right)));
    alike.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first_and_strangers_not_at_all() {
        let known = ["shop.default.example", "hello.default.example", "hallo.default.example", "*"];
        assert_eq!(
            nearest("helo.default.example", known.into_iter()),
            ["hello.default.example", "hallo.default.example", "shop.default.example"]
        );
        assert!(nearest("something.else", known.into_iter()).is_empty());
    }
}
