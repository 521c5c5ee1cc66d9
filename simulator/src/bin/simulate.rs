//! The program.
fn main() {
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let n: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1);
    for s in seed..seed + n {
        let sc = chinwag_simulator::Scenario::of_seed(s, std::env::args().nth(3).is_some());
        let o = chinwag_simulator::run(&sc, None, n == 1);
        if n == 1 { print!("{sc}"); for l in &o.story { println!("{l}"); } println!("{o:?}"); }
        else { println!("{s} looks {} {:?} {} ms heal {:?} ev {}", o.looks, o.end, o.virtual_ms, o.healed_ms, o.counts.events); }
    }
}
