//! One text, or many to draw from at random.

/// What a host or a path is drawn from, uniformly, for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// Always the same.
    One(String),
    /// One of a list.
    List(Vec<String>),
    /// A number from 0 below `count` between two texts.
    Numbered {
        /// Text before the number.
        before: String,
        /// Text after it.
        after: String,
        /// How many numbers there are.
        count: u32,
    },
}

impl Names {
    /// A pattern such as `app-{}.example`, whose `{}` becomes a number below `count`; `None` without `{}` or numbers.
    pub fn pattern(pattern: &str, count: u32) -> Option<Self> {
        let (before, after) = pattern.split_once("{}")?;
        (count > 0).then(|| Self::Numbered { before: before.to_owned(), after: after.to_owned(), count })
    }

    /// Whether every draw is the same.
    pub(crate) fn only(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            Self::List(_) | Self::Numbered { .. } => None,
        }
    }

    /// Appends one of them.
    pub(crate) fn draw(&self, into: &mut Vec<u8>, random: &mut fastrand::Rng) {
        match self {
            Self::One(name) => into.extend_from_slice(name.as_bytes()),
            Self::List(names) => {
                into.extend_from_slice(names.get(random.usize(..names.len().max(1))).map_or(b"", String::as_bytes));
            }
            Self::Numbered { before, after, count } => {
                into.extend_from_slice(before.as_bytes());
                push_number(into, random.u32(..(*count).max(1)));
                into.extend_from_slice(after.as_bytes());
            }
        }
    }
}

fn push_number(into: &mut Vec<u8>, mut number: u32) {
    let begin = into.len();
    loop {
        into.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    into[begin..].reverse();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_drawn_and_no_other() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cases = [
            (Names::One("a".to_owned()), list(&["a"])),
            (Names::List(list(&["a", "b", "c"])), list(&["a", "b", "c"])),
            (Names::pattern("<{}>", 12).unwrap(), (0..12).map(|n| format!("<{n}>")).collect()),
        ];
        for (names, wanted) in cases {
            let mut random = fastrand::Rng::with_seed(7);
            let drawn: BTreeSet<String> = (0..1000)
                .map(|_| {
                    let mut name = Vec::new();
                    names.draw(&mut name, &mut random);
                    String::from_utf8(name).unwrap()
                })
                .collect();
            assert_eq!(drawn, wanted.into_iter().collect(), "{names:?}");
        }
    }

    #[test]
    fn a_pattern_without_a_place_for_the_number_is_none() {
        assert_eq!(Names::pattern("app.example", 3), None);
        assert_eq!(Names::pattern("app-{}.example", 0), None);
    }
}
