//! Lines that two texts share, and lines that only one of them has.

use super::Mismatch;

/// Pairs of lines that are compared; of longer texts nothing is taken for shared.
const PAIRS_MAX: usize = 4_000_000;

/// Whose a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of both.
    Both,
    /// Only expected.
    Expected,
    /// Only printed.
    Printed,
}

impl Mismatch {
    /// All lines in their order, with whose they are. As many as possible are of both.
    pub fn lines(&self) -> Vec<(Whose, &str)> {
        let (a, b) = (&self.expected, &self.printed);
        let shared = shared(a, b);
        let (mut i, mut j, mut lines) = (0, 0, Vec::new());
        for (x, y) in shared.into_iter().chain([(a.len(), b.len())]) {
            lines.extend(a[i..x].iter().map(|line| (Whose::Expected, line.as_str())));
            lines.extend(b[j..y].iter().map(|line| (Whose::Printed, line.as_str())));
            lines.extend(a.get(x).map(|line| (Whose::Both, line.as_str())));
            (i, j) = (x + 1, y + 1);
        }
        lines
    }

    /// What only one of them has, in two columns; `…` for what is left out because both have it.
    pub fn columns(&self) -> [String; 2] {
        [Whose::Expected, Whose::Printed].map(|own| {
            let mut shown: Vec<&str> = Vec::new();
            for (whose, line) in self.lines() {
                match whose {
                    Whose::Both if shown.last() != Some(&"…") => shown.push("…"),
                    whose if whose == own => shown.push(line),
                    _ => {}
                }
            }
            match shown.iter().any(|line| *line != "…") {
                true => shown.join("\n"),
                false => String::new(),
            }
        })
    }
}

/// The places of a longest common subsequence.
fn shared(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > PAIRS_MAX {
        return Vec::new();
    }
    // longest[i][j] of a[i..] and b[j..].
    let mut longest = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] = match a[i] == b[j] {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut places) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            places.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mismatch(expected: &[&str], printed: &[&str]) -> Mismatch {
        let lines = |of: &[&str]| of.iter().map(|line| (*line).to_owned()).collect();
        let (expected, printed) = (lines(expected), lines(printed));
        Mismatch { line: 1, command: "show 0".into(), expected, printed }
    }

    #[test]
    fn what_both_have_stands_once_and_what_one_has_stands_by_itself() {
        let differs = mismatch(&["a", "b", "c"], &["a", "x", "c", "d"]);
        use Whose::{Both, Expected, Printed};
        let lines = [(Both, "a"), (Expected, "b"), (Printed, "x"), (Both, "c"), (Printed, "d")];
        assert_eq!(differs.lines(), lines);
        assert_eq!(differs.columns(), ["…\nb\n…", "…\nx\n…\nd"]);
        assert_eq!(mismatch(&[], &["a"]).columns(), ["", "a"]);
        assert_eq!(mismatch(&["a", "b"], &["a"]).columns(), ["…\nb", ""]);
    }
}
