//! Which KIngress owns a host: two that name the same one cannot both be served.
//!
//! The one that serves the host already goes first, then the oldest, then the first by namespace
//! and name. The other is refused as a whole, goes on serving what it served before, and is
//! asked again as soon as the host is free.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

/// A host in the table's form.
type Host = Arc<str>;

/// Hosts in their order; those that are both wanted and held are kept once.
type Hosts = Arc<[Host]>;

/// The hosts of `all` that are not among `others`.
fn without<'a>(all: &'a Hosts, others: &'a Hosts) -> impl Iterator<Item = &'a Host> {
    all.iter().filter(|host| others.binary_search(host).is_err())
}

/// What a KIngress asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Who asks.
    pub(crate) key: ObjectKey,
    /// Whether this version was served before this process began.
    pub(crate) incumbent: bool,
    /// RFC 3339 time of creation; one without it counts as the youngest.
    pub(crate) created: Option<Arc<str>>,
    /// All hosts it wants; `None` when it is gone.
    pub(crate) hosts: Option<BTreeSet<Host>>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All its hosts are its own.
    Granted,
    /// It keeps what it had; another KIngress owns this host.
    Refused {
        /// The first host that is not free.
        host: Host,
        /// Who owns it.
        owner: ObjectKey,
    },
    /// It is gone.
    Gone,
}

/// The order in which requests are asked: incumbents first, then the oldest, then by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    contender: bool,
    undated: bool,
    created: Option<Arc<str>>,
    key: ObjectKey,
}

/// One KIngress that is not gone.
#[derive(Debug)]
struct Claim {
    rank: Rank,
    wanted: Hosts,
    held: Hosts,
    waits_for: Option<Host>,
}

/// Who owns which host, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    owners: HashMap<Host, ObjectKey>,
    waiting: HashMap<Host, BTreeSet<ObjectKey>>,
    known: HashMap<ObjectKey, Claim>,
}

impl Claims {
    /// Answers requests that come together, and others that they set free or turn down.
    ///
    /// The cost is that of the hosts of the KIngress objects named in the answer.
    pub(crate) fn resolve(&mut self, requests: Vec<Request>) -> BTreeMap<ObjectKey, Verdict> {
        let mut verdicts = BTreeMap::new();
        let mut freed = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for request in requests {
            match self.admit(request, &mut freed) {
                Ok(rank) => drop(asked.insert(rank)),
                Err(gone) => drop(verdicts.insert(gone, Verdict::Gone)),
            }
        }
        let mut open = self.grant_together(asked, &mut freed, &mut verdicts);
        self.wake(freed, &mut open);
        while let Some(rank) = open.pop_first() {
            let verdict = self.decide(&rank.key, &mut open);
            verdicts.insert(rank.key, verdict);
        }
        verdicts
    }

    /// The host that a KIngress waits for, and who owns it.
    pub(crate) fn refusal(&self, key: &ObjectKey) -> Option<(Host, ObjectKey)> {
        let host = self.known.get(key)?.waits_for.clone()?;
        let owner = self.owners.get(&host)?.clone();
        Some((host, owner))
    }

    /// Takes note of a request and gives back the hosts it no longer wants.
    fn admit(&mut self, request: Request, freed: &mut BTreeSet<Host>) -> Result<Rank, ObjectKey> {
        let Request { key, incumbent, created, hosts } = request;
        self.stop_waiting(&key);
        let held = self.known.remove(&key).map(|claim| claim.held).unwrap_or_default();
        let gone = hosts.is_none();
        let wanted = hosts.unwrap_or_default().into_iter().collect();
        for host in without(&held, &wanted) {
            self.owners.remove(host);
            freed.insert(host.clone());
        }
        if gone {
            return Err(key);
        }
        let rank = Rank { contender: !incumbent, undated: created.is_none(), created, key: key.clone() };
        self.known.insert(key, Claim { rank: rank.clone(), wanted, held, waits_for: None });
        Ok(rank)
    }

    /// Grants what fits together, so that hosts may be swapped within one change; returns the rest.
    ///
    /// Who is refused takes back what it held, and that may turn down who was granted it.
    fn grant_together(
        &mut self,
        asked: BTreeSet<Rank>,
        freed: &mut BTreeSet<Host>,
        verdicts: &mut BTreeMap<ObjectKey, Verdict>,
    ) -> BTreeSet<Rank> {
        let (granted, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(|rank| self.take(&rank.key));
        let mut granted: BTreeSet<_> = granted.into_iter().collect();
        let mut rest = BTreeSet::new();
        let mut turned_down = refused;
        while let Some(rank) = turned_down.pop() {
            granted.remove(&rank);
            turned_down.extend(self.take_back(&rank.key, freed));
            rest.insert(rank);
        }
        for Rank { key, .. } in granted {
            self.settle(&key);
            verdicts.insert(key, Verdict::Granted);
        }
        rest
    }

    /// Makes all wanted hosts its own if no other owns one of them.
    fn take(&mut self, key: &ObjectKey) -> bool {
        if self.blocker(key).is_some() {
            return false;
        }
        if let Some(claim) = self.known.get(key) {
            self.owners.extend(claim.wanted.iter().map(|host| (host.clone(), key.clone())));
        }
        true
    }

    /// The first wanted host that another owns.
    fn blocker(&self, key: &ObjectKey) -> Option<(Host, ObjectKey)> {
        let owned = |host: &Host| Some((host.clone(), self.owners.get(host).filter(|owner| *owner != key)?.clone()));
        self.known.get(key)?.wanted.iter().find_map(owned)
    }

    /// Restores what a refused KIngress held; returns who must give it back.
    fn take_back(&mut self, key: &ObjectKey, freed: &mut BTreeSet<Host>) -> Vec<Rank> {
        let Some(claim) = self.known.get(key) else { return Vec::new() };
        for host in without(&claim.wanted, &claim.held) {
            if self.owners.get(host) == Some(key) {
                self.owners.remove(host);
                freed.insert(host.clone());
            }
        }
        let restored = claim.held.iter().filter_map(|host| self.owners.insert(host.clone(), key.clone()));
        let displaced: BTreeSet<_> = restored.filter(|owner| owner != key).collect();
        displaced.iter().filter_map(|owner| Some(self.known.get(owner)?.rank.clone())).collect()
    }

    /// What is wanted is held from now on; returns the hosts given up.
    fn settle(&mut self, key: &ObjectKey) -> BTreeSet<Host> {
        let Some(claim) = self.known.get_mut(key) else { return BTreeSet::new() };
        let held = std::mem::replace(&mut claim.held, Arc::clone(&claim.wanted));
        without(&held, &claim.wanted).cloned().collect()
    }

    /// Answers one request by itself, and wakes those who wait for what it gives up.
    fn decide(&mut self, key: &ObjectKey, open: &mut BTreeSet<Rank>) -> Verdict {
        self.stop_waiting(key);
        if let Some((host, owner)) = self.blocker(key) {
            self.waiting.entry(host.clone()).or_default().insert(key.clone());
            if let Some(claim) = self.known.get_mut(key) {
                claim.waits_for = Some(host.clone());
            }
            return Verdict::Refused { host, owner };
        }
        self.take(key);
        let given_up = self.settle(key);
        for host in &given_up {
            self.owners.remove(host);
        }
        self.wake(given_up, open);
        Verdict::Granted
    }

    /// Those who wait for one of these hosts are asked again.
    fn wake(&self, freed: BTreeSet<Host>, open: &mut BTreeSet<Rank>) {
        let free = freed.into_iter().filter(|host| !self.owners.contains_key(host));
        let waiting = free.filter_map(|host| self.waiting.get(&host)).flatten();
        open.extend(waiting.filter_map(|key| self.known.get(key)).map(|claim| claim.rank.clone()));
    }

    fn stop_waiting(&mut self, key: &ObjectKey) {
        let Some(host) = self.known.get_mut(key).and_then(|claim| claim.waits_for.take()) else { return };
        if let Some(waiting) = self.waiting.get_mut(&host) {
            waiting.remove(key);
            if waiting.is_empty() {
                self.waiting.remove(&host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    /// `name@created host host`, or `-name` for one that is gone; `!` before the name of an incumbent.
    fn request(text: &str) -> Request {
        if let Some(name) = text.strip_prefix('-') {
            return Request { key: key(name), incumbent: false, created: None, hosts: None };
        }
        let mut words = text.split(' ');
        let name = words.next().unwrap();
        let (name, created) = name.split_once('@').map_or((name, None), |(name, at)| (name, Some(at.into())));
        let incumbent = name.starts_with('!');
        let key = key(name.trim_start_matches('!'));
        Request { key, incumbent, created, hosts: Some(words.map(Into::into).collect()) }
    }

    /// Applies batches one after the other; the owners at the end, as `host=name` in order.
    fn owners(batches: &[&[&str]]) -> String {
        let mut claims = Claims::default();
        for batch in batches {
            claims.resolve(batch.iter().copied().map(request).collect());
        }
        let mut owners: Vec<_> = claims.owners.iter().map(|(host, owner)| format!("{host}={}", owner.name)).collect();
        owners.sort();
        owners.join(" ")
    }

    #[test]
    fn the_owner_is_the_incumbent_then_the_oldest_then_the_first_by_name() {
        let cases: &[(&[&[&str]], &str)] = &[
            (&[&["b h"], &["a h"]], "h=b"),
            (&[&["b h"], &["a@2020 h"]], "h=b"),
            (&[&["b h", "a h"]], "h=a"),
            (&[&["a@2021 h", "b@2020 h"]], "h=b"),
            (&[&["a h", "b@2020 h"]], "h=b"),
            (&[&["a@2020 h", "!b@2021 h"]], "h=b"),
        ];
        for (batches, wanted) in cases {
            assert_eq!(owners(batches), *wanted, "{batches:?}");
        }
    }

    #[test]
    fn the_loser_is_refused_as_a_whole_and_keeps_what_it_had() {
        let cases: &[(&[&[&str]], &str)] = &[
            (&[&["a h"], &["b h i"]], "h=a"),
            (&[&["a h"], &["b j"], &["b h i"]], "h=a j=b"),
            (&[&["a h"], &["b j"], &["b h i", "c j"]], "h=a j=b"),
        ];
        for (batches, wanted) in cases {
            assert_eq!(owners(batches), *wanted, "{batches:?}");
        }
    }

    #[test]
    fn a_conflict_heals_when_the_owner_gives_the_host_up() {
        let cases: &[(&[&[&str]], &str)] = &[
            (&[&["a h"], &["b h i"], &["-a"]], "h=b i=b"),
            (&[&["a h"], &["b h i"], &["a j"]], "h=b i=b j=a"),
            (&[&["a h"], &["b h i"], &["b i"]], "h=a i=b"),
            (&[&["a h"], &["b i"], &["b h"], &["c i"], &["-a"]], "h=b i=c"),
            (&[&["a h i"], &["b h i"], &["a i"], &["-a"]], "h=b i=b"),
        ];
        for (batches, wanted) in cases {
            assert_eq!(owners(batches), *wanted, "{batches:?}");
        }
    }

    #[test]
    fn hosts_may_be_passed_on_within_one_change() {
        let cases: &[(&[&[&str]], &str)] = &[
            (&[&["a h", "b i"], &["a i", "b h"]], "h=b i=a"),
            (&[&["a h"], &["-a", "b h"]], "h=b"),
            (&[&["b h"], &["a h", "b i"]], "h=a i=b"),
            (&[&["a h", "b i", "c j"], &["a i", "b j", "c h"]], "h=c i=a j=b"),
            (&[&["a h", "b i", "z x"], &["a i", "b x"]], "h=a i=b x=z"),
        ];
        for (batches, wanted) in cases {
            assert_eq!(owners(batches), *wanted, "{batches:?}");
        }
    }

    #[test]
    fn the_order_of_requests_in_one_change_does_not_matter() {
        let batch = ["a@3 h i", "b@2 i j", "c@1 j k", "d h", "e k"];
        let wanted = owners(&[&batch]);
        for turn in 0..batch.len() {
            let mut turned = batch;
            turned.rotate_left(turn);
            assert_eq!(owners(&[&turned]), wanted, "{turned:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_host_and_its_owner() {
        let mut claims = Claims::default();
        claims.resolve(vec![request("a h")]);
        let verdicts = claims.resolve(vec![request("b g h")]);
        assert_eq!(verdicts[&key("b")], Verdict::Refused { host: "h".into(), owner: key("a") });
        let verdicts = claims.resolve(vec![request("-a")]);
        assert_eq!((&verdicts[&key("a")], &verdicts[&key("b")]), (&Verdict::Gone, &Verdict::Granted));
        assert!(claims.waiting.is_empty());
    }
}
