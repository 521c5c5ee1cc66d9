//! A strict reader of OpenMetrics text, as far as chinwag uses it.

use std::collections::BTreeMap;

/// The samples by name and labels. Panics at the first thing that the standard forbids.
pub fn read(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    let mut samples = BTreeMap::new();
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut family = "";
    for line in body.lines() {
        if let Some(said) = line.strip_prefix("# ") {
            let [what, name, rest] = said.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("not three words: {line}")
            };
            if name != family {
                assert!(!types.contains_key(name), "{name} comes in two places");
                family = name;
                types.insert(family, "");
            }
            match what {
                "TYPE" => drop(types.insert(family, rest)),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{name} is not in {rest}"),
                "HELP" => assert!(rest.len() > 5, "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let name = series.split('{').next().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.chars().all(plain), "{line}");
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is in {family}"));
        let allowed: &[&str] = match types[family] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{family} is a {other:?}"),
        };
        assert!(allowed.contains(&suffix), "{line} is a {}", types[family]);
        let value = value.parse().unwrap_or_else(|_| panic!("{line} has no number"));
        assert!(samples.insert(series.to_string(), value).is_none(), "{series} comes twice");
    }
    check_histograms(&samples, &types);
    samples
}

fn check_histograms(samples: &BTreeMap<String, f64>, types: &BTreeMap<&str, &str>) {
    for (family, _) in types.iter().filter(|(_, kind)| **kind == "histogram") {
        let start = format!("{family}_bucket{{le=\"");
        let bound = |series: &String| -> f64 {
            let text = &series[start.len()..series.len() - 2];
            if text == "+Inf" { f64::INFINITY } else { text.parse().expect("a bound") }
        };
        let of_it = samples.iter().filter(|(series, _)| series.starts_with(&start));
        let mut buckets: Vec<_> = of_it.map(|(series, count)| (bound(series), *count)).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{family} is not cumulative");
        let last = buckets.last().expect("a histogram has buckets");
        assert_eq!(*last, (f64::INFINITY, samples[&format!("{family}_count")]), "{family}");
    }
}
