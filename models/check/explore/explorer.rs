//! Answers what the page asks: where am I, what can happen next, how do I get to a violation.

use super::{
    famous, journey,
    nearest::{self, Nearest},
    picture::{self, Scene},
    place::{PATH_MAX, Place, Walk},
    recorded::SCENARIO,
};
use crate::{
    Complaint,
    cli::Common,
    files::{self, Replay},
    lab, names,
    show::{EXPORTS, Shown},
};
use chinwag_models::{
    engine::{self, End, Expectation, Interned, Options, PropertyInfo, Target, Trace},
    model::Model,
    mutants::Mutant,
    scenario,
    story::Action,
    system::System,
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Steps of one random walk.
const WALK_STEPS_MAX: usize = 100;
/// Models, with a bug or without, whose tables are kept.
const GROUNDS_MAX: usize = 6;
/// Counterexamples that are kept.
const FOUND_MAX: usize = 200;
/// How long a search for a counterexample may take.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(60);
/// And how much memory.
const SEARCH_MEMORY_MAX: u64 = 4 << 30;

/// A model, with a bug in it or not, and the tables that fill while it is explored.
struct Ground {
    name: (&'static str, Option<&'static str>),
    mutant: Option<&'static Mutant>,
    model: Interned<System>,
}

/// What answers the page.
pub struct Explorer {
    threads: usize,
    /// The latest last.
    grounds: Mutex<VecDeque<Arc<Ground>>>,
    /// Places that searches led to: the model, the bug and the property, and the answer.
    found: Mutex<VecDeque<(Place, Value)>>,
}

impl Explorer {
    /// One that has seen nothing yet.
    pub fn new(common: &Common) -> Self {
        let threads = common.threads;
        Explorer { threads, grounds: Mutex::default(), found: Mutex::default() }
    }

    /// Everything that the page links to.
    pub fn catalogue(&self) -> Value {
        famous::catalogue()
    }

    /// What a place looks like, and what can happen there.
    pub fn state(&self, place: &Place) -> Result<Value, Complaint> {
        let ground = self.ground(place)?;
        let scene = scene(&ground, place)?;
        Ok(picture::of(&ground.model, ground.mutant, &scene))
    }

    /// The file of a place in one of the formats: its name and its text.
    pub fn export(&self, place: &Place, format: &str) -> Result<Value, Complaint> {
        let ground = self.ground(place)?;
        let scene = scene(&ground, place)?;
        let system = ground.model.tables().system();
        let property = scene.property.as_ref();
        let again = |file: &str| format!("{} explore {file}", files::COMMAND);
        let shown = Shown::of(system, &scene.trace, ground.mutant, property, "");
        let replay =
            shown.exported("replay.json").map_or_else(String::new, |(name, _)| again(&name));
        let shown = Shown::of(system, &scene.trace, ground.mutant, property, &replay);
        if format == SCENARIO {
            let text = scenario::export(system, &scene.trace, ground.mutant, property);
            let text = text.map_err(|why| Complaint(format!("not as a scenario: {why}")))?;
            return Ok(json!({ "name": shown.named(SCENARIO), "text": text }));
        }
        let file = shown.exported(format);
        let (name, text) = file.ok_or_else(|| {
            Complaint(format!(
                "no format \"{format}\"; there are {}, {SCENARIO}",
                EXPORTS.join(", ")
            ))
        })?;
        Ok(json!({ "name": name, "text": text }))
    }

    /// The way from the start to the violation of a property, or to a witness.
    pub fn find(&self, place: &Place) -> Result<Value, Complaint> {
        let asked = Place { path: Vec::new(), at: None, ..place.clone() };
        // Held while it searches: one search at a time is enough for two processors.
        let mut found = locked(&self.found);
        if let Some((_, answer)) = found.iter().find(|(known, _)| *known == asked) {
            return Ok(answer.clone());
        }
        let answer = self.search(&asked)?;
        found.push_back((asked, answer.clone()));
        if found.len() > FOUND_MAX {
            found.pop_front();
        }
        Ok(answer)
    }

    fn search(&self, place: &Place) -> Result<Value, Complaint> {
        let ground = self.ground(place)?;
        let words = place.until.as_deref().unwrap_or_default();
        let property = names::property(ground.model.tables().system(), words)?;
        // Its own tables: those of a search are large, and are not needed afterwards.
        let (model, mutant) = (names::model(&place.model)?, ground.mutant);
        let tables = lab::tables(model, mutant);
        let options = Options {
            threads: self.threads,
            liveness: property.expectation == Expectation::Finally,
            time_max: Some(SEARCH_TIME_MAX),
            memory_max: Some(SEARCH_MEMORY_MAX),
            ..Options::default()
        };
        let bound = |end: End| {
            let what = match end {
                End::Memory => "memory",
                _ => "time",
            };
            Complaint(format!(
                "not found before the bound on {what} was met; `check show {} \"{words}\"` has none",
                place.model
            ))
        };
        let trace = engine::shortest(&tables, Target::of(&property), &options).map_err(bound)?;
        let trace = trace.ok_or_else(|| {
            Complaint(format!(
                "model {} has no state for \"{words}\": all were looked at",
                place.model
            ))
        })?;
        self.place(&ground, place, &trace.actions(), Some(&property))
            .map(|place| json!({ "place": place }))
    }

    /// The nearest violation from a place on.
    pub fn nearest(&self, place: &Place) -> Result<Value, Complaint> {
        let ground = self.ground(place)?;
        let journey = journey::follow(&ground.model, place.shown_path())?;
        match nearest::violation(&ground.model, &journey.state) {
            Nearest::Found(steps) => {
                let actions = [journey.actions, steps].concat();
                Ok(json!({ "place": self.place(&ground, place, &actions, None)? }))
            }
            Nearest::None => Ok(json!({
                "note": "Nothing that can follow from here violates a property (all states were looked at; \
                         where fair continuations end was not)."
            })),
            Nearest::Cut(states) => Ok(json!({
                "note": format!("Nothing violated in the nearest {states} states from here.")
            })),
        }
    }

    /// A random walk from a place on.
    pub fn walk(&self, walk: &Walk) -> Result<Value, Complaint> {
        let ground = self.ground(&walk.place)?;
        let mut path = walk.place.shown_path().to_vec();
        let mut journey = journey::follow(&ground.model, &path)?;
        let steps = walk.steps.min(WALK_STEPS_MAX).min(PATH_MAX.saturating_sub(path.len()));
        path.extend(nearest::walk(&ground.model, &mut journey, walk.seed, steps));
        Ok(json!({ "place": Place { path, until: None, at: None, ..walk.place.clone() } }))
    }

    /// Where a replay file leads.
    pub fn place_of(
        &self,
        model: &'static Model,
        mutant: Option<&'static Mutant>,
        replay: &Replay,
    ) -> Result<Place, Complaint> {
        let start = Place::start(model, mutant);
        let ground = self.ground(&start)?;
        let system = ground.model.tables().system();
        let property = replay.property.as_deref().map(|words| names::property(system, words));
        let actions = replay.actions(system)?;
        self.place(&ground, &start, &actions, property.transpose()?.as_ref())
    }

    /// The place to which these steps lead, and the fair continuation if it takes that.
    fn place(
        &self,
        ground: &Ground,
        from: &Place,
        actions: &[Action],
        property: Option<&PropertyInfo>,
    ) -> Result<Place, Complaint> {
        let path = journey::numbers(&ground.model, actions)?;
        let until = property.map(|property| property.name.to_owned());
        Ok(Place { path, until, at: None, ..from.clone() })
    }

    /// The tables of a place, which are made at the first visit.
    fn ground(&self, place: &Place) -> Result<Arc<Ground>, Complaint> {
        if place.path.len() > PATH_MAX {
            return Err(Complaint(format!("a path has at most {PATH_MAX} steps")));
        }
        let model = names::model(&place.model)?;
        let mutant = names::mutant_if(place.mutant.as_deref())?;
        let name = (model.name, mutant.map(|mutant| mutant.name));
        let mut grounds = locked(&self.grounds);
        if let Some(known) = grounds.iter().find(|ground| ground.name == name) {
            return Ok(Arc::clone(known));
        }
        let model = Interned::over(lab::tables(model, mutant));
        let ground = Arc::new(Ground { name, mutant, model });
        grounds.push_back(Arc::clone(&ground));
        if grounds.len() > GROUNDS_MAX {
            grounds.pop_front();
        }
        Ok(ground)
    }

    /// Forgets all tables: one that saw a panic is not to be used again.
    pub fn forget(&self) {
        locked(&self.grounds).clear();
    }
}

/// Goes to a place.
fn scene(ground: &Ground, place: &Place) -> Result<Scene, Complaint> {
    let (model, tables) = (&ground.model, ground.model.tables());
    let whole = journey::follow(model, &place.path)?;
    let goal = place.until.as_deref().map(|words| names::property(tables.system(), words));
    let goal = goal.transpose()?;
    let replayed = match &goal {
        Some(goal) => engine::replay_to(tables, &whole.actions, Target::of(goal)),
        None => engine::replay(tables, &whole.actions),
    };
    let trace = replayed.map_err(|error| Complaint(error.to_string()))?;
    let ends = journey::positions(&trace);
    let mut texts = whole.texts;
    let fair = ends.iter().skip(texts.len()).map(|end| &trace.steps[end - 1].action);
    texts.extend(fair.map(|action| format!("fair: {}", files::describe(tables.system(), action))));
    let at = place.at.unwrap_or(usize::MAX).min(ends.len());
    let is_whole = at == ends.len();
    let here = journey::follow(model, &place.path[..at.min(place.path.len())])?;
    let trace = match is_whole {
        true => trace,
        false => cut(trace, &ends, at, || engine::replay(tables, &here.actions))?,
    };
    let all = names::properties(tables.system());
    let found = |p: &PropertyInfo| p.is_found_by(trace.verdict);
    let is_bad = |p: &PropertyInfo| p.expectation != Expectation::Sometimes && found(p);
    let unmet = goal.filter(|goal| is_whole && !found(goal));
    let property = goal.filter(found).or_else(|| all.into_iter().find(is_bad));
    let choices = match at <= place.path.len() {
        true => journey::choices(model, &here.state),
        false => Vec::new(), // In a fair continuation nothing is chosen.
    };
    Ok(Scene { texts, at, length: ends.len(), choices, property, unmet, ends, trace })
}

/// The first part of a trace, judged by itself.
fn cut(
    mut trace: Trace<System>,
    ends: &[usize],
    at: usize,
    chosen: impl FnOnce() -> Result<Trace<System>, engine::ReplayError>,
) -> Result<Trace<System>, Complaint> {
    let chosen = chosen().map_err(|error| Complaint(error.to_string()))?;
    let steps = match at.checked_sub(1) {
        Some(last) => ends[last],
        None => chosen.steps.len(), // What is eager at the start.
    };
    trace.steps.truncate(steps);
    (trace.verdict, trace.is_endless) = (chosen.verdict, false);
    Ok(trace)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
