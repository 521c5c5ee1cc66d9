//! Random walks: no proof of anything, but they go deep where a search cannot go wide.

use crate::{
    Complaint, Ended, Exit,
    cli::{Common, WalkArgs},
    console::{Console, Ink, count},
    files, json,
    lab::{self, Lab, Panicked},
    names, replay,
    show::{self, Shown},
    table,
};
use chinwag_models::{
    engine::{self, Expectation, Interned, PropertyInfo, Tables, Verdict},
    mutants::Mutant,
    story::Action,
    system::System,
};
use stateright::Model as _;
use std::{sync::Arc, time::SystemTime};

/// Walks, and shows the first violation.
pub fn walk(args: &WalkArgs, common: &Common, console: &Console) -> Ended {
    let (model, mutant) = (names::model(&args.model)?, names::mutant_if(args.mutant.as_deref())?);
    let seed = args.seed.unwrap_or_else(seed_of_the_clock);
    console.say(&format!(
        "seed {seed}: {} walks of {} steps in model {}",
        args.walks, args.steps, model.name
    ));
    let (lab, tables) = (Lab::open(common), lab::tables(model, mutant));
    let properties = names::properties(tables.system());
    let (mut seen, mut steps, mut last) = (Verdict::NOTHING, 0, Vec::new());
    for number in 0..args.walks {
        if lab.is_over() {
            let cut = format!("CUT OFF after {number} walks ({}).", table::why_over());
            console.say(&console.ink(Ink::Warn, &cut));
            return Ok(Exit::CutOff);
        }
        let mut random = Random(seed.wrapping_add(number));
        let one = one_walk(&tables, &mut random, args.steps);
        let walked = one.unwrap_or_else(|Panicked(text)| panic!("walk {number}: {text}"));
        steps += walked.actions.len() as u64;
        seen = seen.and(walked.verdict);
        let violated = properties
            .iter()
            .find(|p| p.expectation != Expectation::Sometimes && p.is_found_by(walked.verdict));
        if let Some(property) = violated {
            let again = format!("seed {} finds it in its first walk", seed.wrapping_add(number));
            let found = (&walked.actions[..], Some(property));
            let command = command(args, seed.wrapping_add(number));
            present(&tables, found, mutant, &command, common, console)?;
            console.say(&console.ink(Ink::Bad, &format!("VIOLATED: {} ({again})", property.name)));
            return Ok(Exit::Violation);
        }
        last = walked.actions;
    }
    if args.show {
        let command =
            command(args, seed.wrapping_add(args.walks.saturating_sub(1))) + " --walks 1 --show";
        present(&tables, (&last, None), mutant, &command, common, console)?;
    }
    let witnessed = properties.iter().filter(|p| p.expectation == Expectation::Sometimes);
    let witnessed: Vec<_> = witnessed.filter(|p| p.is_found_by(seen)).map(|p| p.name).collect();
    console.say(&format!(
        "{} steps, nothing violated; where fair continuations end was not looked at.",
        count(steps)
    ));
    console.paragraph(&format!("Witnesses: {}.", witnessed.join("; ")));
    Ok(Exit::AsExpected)
}

/// The command that walks the same way.
fn command(args: &WalkArgs, seed: u64) -> String {
    let mut command =
        format!("{} walk {} --seed {seed} --steps {}", files::COMMAND, args.model, args.steps);
    if let Some(mutant) = &args.mutant {
        command += &format!(" --mutant {}", show::quoted(mutant));
    }
    command
}

fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.subsec_nanos().into())
}

fn present(
    tables: &Tables<System>,
    (actions, property): (&[Action], Option<&PropertyInfo>),
    mutant: Option<&'static Mutant>,
    command: &str,
    common: &Common,
    console: &Console,
) -> Result<(), Complaint> {
    let trace = engine::replay(tables, actions)
        .map_err(|error| Complaint(format!("the walk does not replay: {error}")))?;
    let shown = Shown::of(tables.system(), &trace, mutant, property, command);
    let (run, written) = shown.write(common)?;
    show::present(console, &run, &written);
    let exit = if property.is_some() { Exit::Violation } else { Exit::AsExpected };
    json::write(common, || json::shown("walk", &run, exit))
}

/// A walk: what was chosen, and what was found on the way.
struct Walked {
    actions: Vec<Action>,
    verdict: Verdict,
}

fn one_walk(
    tables: &Arc<Tables<System>>,
    random: &mut Random,
    steps: usize,
) -> Result<Walked, Panicked> {
    lab::caught(|| {
        let model = Interned::over(Arc::clone(tables));
        let mut state = model.init_states().swap_remove(0);
        let mut walked = Walked { actions: Vec::new(), verdict: model.judge(&state) };
        while walked.actions.len() < steps && walked.verdict.violated == 0 {
            let mut moves = Vec::new();
            model.actions(&state, &mut moves);
            if moves.is_empty() {
                break;
            }
            let chosen = moves.swap_remove(random.below(moves.len()));
            let action = chosen.action();
            if !replay::is_eager(tables.system(), &state.snapshot(), &action) {
                walked.actions.push(action);
            }
            match model.next_state(&state, chosen) {
                Some(next) => state = next,
                None => break,
            }
            walked.verdict = walked.verdict.and(model.judge(&state));
        }
        walked
    })
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    /// A number below the bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
