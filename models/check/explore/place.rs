//! Where one is: a model, a bug or none, and the steps. An address of the page says it, and so does a
//! request.

use chinwag_models::{model::Model, mutants::Mutant};
use serde::{Deserialize, Serialize};

/// Steps of a path.
pub const PATH_MAX: usize = 500;

/// A place in a model: what an address of the page says.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The model's name.
    pub model: String,
    /// The name of the bug that is in.
    #[serde(default)]
    pub mutant: Option<String>,
    /// The numbers of the steps.
    #[serde(default)]
    pub path: Vec<usize>,
    /// The property that they violate, if need be after a fair continuation; or the witness that they show.
    #[serde(default)]
    pub until: Option<String>,
    /// How many steps to show; all of them if it does not say.
    #[serde(default)]
    pub at: Option<usize>,
}

impl Place {
    /// The part of the path that it shows.
    pub fn shown_path(&self) -> &[usize] {
        &self.path[..self.at.unwrap_or(usize::MAX).min(self.path.len())]
    }

    /// The start of a model.
    pub fn start(model: &Model, mutant: Option<&Mutant>) -> Self {
        let mutant = mutant.map(|mutant| mutant.name.to_owned());
        Place { model: model.name.to_owned(), mutant, path: Vec::new(), until: None, at: None }
    }

    /// The part of the page's address that names the place. The page's script writes and reads the same.
    pub fn hash(&self) -> String {
        let path: Vec<_> = self.path.iter().map(usize::to_string).collect();
        let mut hash = format!("#model={}", self.model);
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                hash += &format!("&{name}={}", value.replace(' ', "+").replace('"', "%22"));
            }
        };
        add("bug", self.mutant.as_deref().unwrap_or_default());
        add("path", &path.join("."));
        add("until", self.until.as_deref().unwrap_or_default());
        add("at", &self.at.map_or_else(String::new, |at| at.to_string()));
        hash
    }
}

/// A random walk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    /// From where.
    pub place: Place,
    /// By which choices.
    pub seed: u64,
    /// How far.
    pub steps: usize,
}
