//! Small histories, all of them, and the definitions of what is asked of them, taken literally.

use chinwag_models::{
    consistency::{CausalConsistencyTester, Level, Verdict as Exact},
    history::{Access, History, Outcome, Question, Recorder, Store},
};
use stateright::semantics::{ConsistencyTester, SequentialSpec};

pub type Transaction = (Vec<Access<u8, u8>>, Vec<Option<u8>>);

/// Transactions, with the session of each. Sessions are in order.
pub type Small = Vec<(u8, Transaction)>;

pub fn fast(small: &Small) -> History {
    let mut recorder = Recorder::new();
    for (session, (accesses, read)) in small {
        recorder.begin(&session.to_string(), Outcome::Committed, 0);
        let mut read = read.iter();
        for access in accesses {
            match access {
                Access::Write(key, value) => recorder.write(&key.to_string(), &value.to_string()),
                Access::Read(key) => {
                    let value = read.next().expect("each read returned").map(|v| v.to_string());
                    recorder.read(&key.to_string(), value.as_deref())
                }
            };
        }
    }
    recorder.finish().expect("values are unique")
}

pub fn exact(small: &Small, level: Level) -> bool {
    let mut tester = CausalConsistencyTester::at(level, Store::<u8, u8>::default());
    for (session, (op, ret)) in small {
        tester.on_invret(*session, op.clone(), ret.clone()).expect("one after the other");
    }
    assert_ne!(tester.verdict(), Exact::Undecided);
    tester.verdict() == Exact::Consistent
}

/// By definition: is there a causal order, and a total order that extends it, so that each transaction is
/// explained by its causal past in the total order? Tries all of both: a transaction after the other,
/// each with any set of those before for its past that is closed and holds the earlier ones of its
/// session.
pub fn converges(small: &Small) -> bool {
    fn go_on(small: &Small, order: &mut Vec<usize>, pasts: &mut Vec<u32>) -> bool {
        let done = order.len();
        if done == small.len() {
            return true;
        }
        let next = |k: &usize| {
            let earlier = (0..*k).filter(|other| small[*other].0 == small[*k].0);
            !order.contains(k) && earlier.into_iter().all(|other| order.contains(&other))
        };
        let all: Vec<usize> = (0..small.len()).filter(next).collect();
        all.into_iter().any(|next| {
            order.push(next);
            let own = (0..done).filter(|k| small[order[*k]].0 == small[next].0);
            let needed = own.fold(0, |set, k| set | 1_u32 << k);
            let found = (0..1_u32 << done).any(|past| {
                let closed = (0..done).all(|k| past & 1 << k == 0 || pasts[k] & !past == 0);
                if past & needed != needed || !closed || !is_explained(small, order, past) {
                    return false;
                }
                pasts.push(past);
                let found = go_on(small, order, pasts);
                pasts.pop();
                found
            });
            order.pop();
            found
        })
    }
    go_on(small, &mut Vec::new(), &mut Vec::new())
}

fn is_explained(small: &Small, order: &[usize], past: u32) -> bool {
    let mut store = Store::<u8, u8>::default();
    let (last, before) = order.split_last().expect("there is one");
    for (k, transaction) in before.iter().enumerate() {
        if past & 1 << k != 0 {
            store.invoke(&small[*transaction].1.0);
        }
    }
    let (accesses, read) = &small[*last].1;
    store.invoke(accesses) == *read
}

/// The reads of a transaction that could come from others, and from whom they do.
pub fn external_reads(small: &Small, k: usize) -> Vec<(u8, Option<usize>)> {
    let (accesses, read) = &small[k].1;
    let (mut external, mut own, mut read) = (Vec::new(), Vec::new(), read.iter());
    for access in accesses {
        let key = match access {
            Access::Read(key) => *key,
            Access::Write(key, _) => {
                own.push(*key);
                continue;
            }
        };
        let value = *read.next().expect("each read returned");
        if own.contains(&key) {
            continue;
        }
        match value {
            None => external.push((key, None)),
            Some(value) => {
                let is_last = |(_, (accesses, _)): &(u8, Transaction)| {
                    let mut writes = accesses.iter().rev();
                    let last = writes.find(|a| matches!(a, Access::Write(w, _) if *w == key));
                    last == Some(&Access::Write(key, value))
                };
                let source = small.iter().position(is_last).filter(|source| *source != k);
                external.extend(source.map(|source| (key, Some(source))));
            }
        }
    }
    external
}

/// No way leads there.
pub const FAR: usize = 1_000;

/// The length of the shortest way between any two transactions, at least 1: over sessions, reads and what
/// else there is. A way along one session is one step.
pub fn distances(small: &Small, more: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let n = small.len();
    let mut distances = vec![vec![FAR; n]; n];
    for b in 0..n {
        (0..b).filter(|a| small[*a].0 == small[b].0).for_each(|a| distances[a][b] = 1);
        let sources = external_reads(small, b).into_iter().filter_map(|(_, source)| source);
        sources.for_each(|a| distances[a][b] = 1);
        (0..n).filter(|a| more(*a, b)).for_each(|a| distances[a][b] = 1);
    }
    for via in 0..n {
        for a in 0..n {
            for b in 0..n {
                distances[a][b] = distances[a][b].min(distances[a][via] + distances[via][b]);
            }
        }
    }
    distances
}

/// Does it write the key?
pub fn writes(small: &Small, k: usize, key: u8) -> bool {
    small[k].1.0.iter().any(|access| matches!(access, Access::Write(w, _) if *w == key))
}

/// A session guarantee by its definition, over the causal order as a relation. Undecided, and so not
/// broken, if that is cyclic.
pub fn is_broken(small: &Small, question: Question) -> bool {
    let n = small.len();
    let external = |k: usize| external_reads(small, k);
    let distances = distances(small, |_, _| false);
    let before = |a: usize, b: usize| distances[a][b] < FAR;
    if (0..n).any(|k| before(k, k)) {
        return false;
    }
    let session = |a: usize, b: usize| a < b && small[a].0 == small[b].0;
    let read_from =
        |reader: usize, source: usize| external(reader).iter().any(|(_, s)| *s == Some(source));
    let shown = |source: usize, reader: usize| {
        (0..n).any(|r| {
            read_from(r, source)
                && (r == reader || session(r, reader))
                && small[source].0 != small[reader].0
        })
    };
    (0..n).any(|r| {
        external(r).into_iter().any(|(key, source)| {
            let read_key =
                |reader: usize, newer: usize| external(reader).contains(&(key, Some(newer)));
            (0..n).filter(|newer| writes(small, *newer, key)).any(|newer| {
                let is_older = source.is_none_or(|source| before(source, newer));
                is_older
                    && match question {
                        Question::ReadYourWrites => session(newer, r),
                        Question::MonotonicReads => {
                            (0..n).any(|q| session(q, r) && read_key(q, newer))
                        }
                        Question::MonotonicWrites => {
                            (0..n).any(|w| session(newer, w) && shown(w, r))
                        }
                        _ => (0..n).any(|w| {
                            let had = |q: usize| (q == w || session(q, w)) && read_key(q, newer);
                            shown(w, r) && (0..n).any(had)
                        }),
                    }
            })
        })
    })
}

/// Transactions of one operation each: a write gets the next value, a read is of any write of the key or
/// of the initial value.
pub fn singles(sessions: &[u8], keys: u8) -> Vec<Small> {
    // First what everyone does, then what each read returns.
    let mut shapes: Vec<Vec<Access<u8, u8>>> = vec![Vec::new()];
    for k in 0..sessions.len() {
        shapes = shapes
            .into_iter()
            .flat_map(|shape| {
                let fresh = shape.iter().map(|access| match access {
                    Access::Read(key) | Access::Write(key, _) => *key + 1,
                });
                let bound = keys.min(fresh.max().unwrap_or(0) + 1);
                let next =
                    (0..bound).flat_map(|key| [Access::Read(key), Access::Write(key, k as u8 + 1)]);
                next.map(move |next| [shape.clone(), vec![next]].concat()).collect::<Vec<_>>()
            })
            .collect();
    }
    let mut all = Vec::new();
    for shape in shapes {
        let mut returned: Vec<Vec<Option<u8>>> = vec![Vec::new()];
        for access in &shape {
            let values = match access {
                Access::Write(..) => vec![None],
                Access::Read(key) => values_of(&shape, *key),
            };
            returned = returned
                .into_iter()
                .flat_map(|rest| {
                    let more = values.iter().map(move |v| [rest.clone(), vec![*v]].concat());
                    more.collect::<Vec<_>>()
                })
                .collect();
        }
        for values in returned {
            let told = shape.iter().zip(values).zip(sessions).map(|((access, value), session)| {
                let read = if matches!(access, Access::Read(_)) { vec![value] } else { vec![] };
                (*session, (vec![access.clone()], read))
            });
            all.push(told.collect());
        }
    }
    all
}

pub fn values_of(shape: &[Access<u8, u8>], key: u8) -> Vec<Option<u8>> {
    let written = shape.iter().filter_map(|access| match access {
        Access::Write(written, value) if *written == key => Some(Some(*value)),
        _ => None,
    });
    [None].into_iter().chain(written).collect()
}

/// Transactions of two accesses each, of two keys.
pub fn pairs(sessions: &[u8]) -> Vec<Small> {
    let flat: Vec<u8> = sessions.iter().flat_map(|session| [*session; 2]).collect();
    let joined = singles(&flat, 2).into_iter().map(|small| {
        let join = |pair: &[(u8, Transaction)]| {
            let both = |k: usize| pair[k].1.clone();
            (pair[0].0, ([both(0).0, both(1).0].concat(), [both(0).1, both(1).1].concat()))
        };
        small.chunks(2).map(join).collect()
    });
    joined.collect()
}
