//! Lines that two texts share, and lines that only one of them has.

use super::Mismatch;
use similar::{Algorithm, ChangeTag};

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
        let texts = [&self.expected, &self.printed];
        let [a, b] = texts.map(|of| of.iter().map(String::as_str).collect::<Vec<_>>());
        if a.len().saturating_mul(b.len()) > PAIRS_MAX {
            let expected = a.into_iter().map(|line| (Whose::Expected, line));
            return expected.chain(b.into_iter().map(|line| (Whose::Printed, line))).collect();
        }
        let differences = similar::capture_diff_slices(Algorithm::Myers, &a, &b);
        let changes = differences.iter().flat_map(|difference| difference.iter_changes(&a, &b));
        let whose = |tag| match tag {
            ChangeTag::Equal => Whose::Both,
            ChangeTag::Delete => Whose::Expected,
            ChangeTag::Insert => Whose::Printed,
        };
        changes.map(|change| (whose(change.tag()), change.value())).collect()
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
