//! probe
use chinwag_models::{engine::*, model::*, party::Disk, system::System};
use std::sync::Arc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: &str| {
        a.iter()
            .find_map(|x| x.strip_prefix(&format!("{k}=")).map(String::from))
            .unwrap_or(d.into())
    };
    let has = |k: &str| a.iter().any(|x| x == k);
    let mut m = PLAIN.clone();
    let scripts: Vec<&'static str> =
        get("s", "uq,uq").split(',').map(|s| &*s.to_owned().leak()).collect();
    m.scripts = scripts.leak();
    m.updatable = get("r", "2").parse().unwrap();
    m.read_only = get("ro", "0").parse().unwrap();
    m.retries = get("retries", "0").parse().unwrap();
    m.copies = get("copies", "1").parse().unwrap();
    m.batch = get("batch", "0").parse().unwrap();
    m.records_per_gossip_max = get("frag", "1000").parse().unwrap();
    m.pulls = has("pulls");
    m.eager = has("eager");
    m.late = has("late");
    m.histories = has("histories");
    if has("ring") {
        m.links = Links::Ring
    }
    let crashes: Vec<u8> =
        get("crash", "").split(',').filter(|x| !x.is_empty()).map(|x| x.parse().unwrap()).collect();
    m.crashes = crashes.leak();
    m.net = match &*get("net", "once") {
        "once" => Net::Once,
        "lossy" => Net::Lossy,
        "rr" => Net::RepeatsRequests,
        _ => Net::Repeats,
    };
    let home = get("home", "");
    if !home.is_empty() {
        m.asks =
            Asks::Home(home.split(',').map(|x| x.parse().unwrap()).collect::<Vec<u16>>().leak())
    }
    let sys = System::new(&m, &chinwag::rules::FAITHFUL, Disk::Honest);
    let rules = sys.rules();
    let tables = Tables::new(Arc::new(sys), rules);
    let o = Options {
        liveness: has("live"),
        keep_going: has("go"),
        states_max: Some(get("max", "20000000").parse().unwrap()),
        threads: get("t", "2").parse().unwrap(),
        ..Options::default()
    };
    let r = search(&tables, &o, &mut |_| {});
    println!(
        "{:?} unique={} gen={} depth={} widest={} idle={} term={} locals={} msgs={} fair={} {:.1}s {:.0}/s B/st={:.0} rss={}M kinds={:?}",
        r.end,
        r.unique,
        r.generated,
        r.depth,
        r.widest,
        r.idle,
        r.terminal,
        r.locals,
        r.messages,
        r.fair_states,
        r.seconds,
        r.unique as f64 / r.seconds,
        r.bytes_per_state,
        r.peak_rss >> 20,
        r.kinds
    );
    for f in &r.findings {
        if f.property.expectation != Expectation::Sometimes {
            if let Some(d) = f.depth {
                println!("  VIOLATED {} @{d}", f.property.name);
                if has("trace") {
                    let t = shortest(&tables, Target::of(&f.property), &o).unwrap();
                    for st in &t.steps {
                        println!("   {:?} {:?}", st.stage, st.action);
                    }
                }
            }
        }
    }
    let w: Vec<_> = r
        .findings
        .iter()
        .filter(|f| f.property.expectation == Expectation::Sometimes)
        .map(|f| format!("{}@{:?}", f.property.name, f.depth))
        .collect();
    println!("  witnesses {w:?}");
}
