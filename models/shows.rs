//! What each model of the catalogue must show: the witnesses for whose sake it is there.
//!
//! Without them it would be checked of a model that, say, records go to two managers, and never of one where
//! they did. `check` fails where a complete search sees none.

/// The witnesses that a model must show.
pub fn shown_by(model: &str) -> &'static [&'static str] {
    SHOWS
        .iter()
        .find(|(models, _)| models.contains(&model))
        .map_or(&[], |(_, witnesses)| *witnesses)
}

const OWN_WRITES: &str = "a client reads what it wrote";
const READS_AGAIN: &str = "a client that has read asks again";
const HEARSAY: &str = "a client is told of an update before it has seen it";
const WRITES_AFTER_READ: &str = "a client writes after it has read";
const UPDATE_WAITS: &str = "an update waits for its past";
const QUERY_WAITS: &str = "a query waits";
const ORDERS: &str = "concurrent updates run in different orders";
const TWICE: &str = "one update is recorded twice";
const DISCARDED: &str = "a record is discarded";
const FORGOTTEN: &str = "an identifier is forgotten";
const LATE: &str = "a forgotten update is requested once more";
const OUT_OF_ORDER: &str = "a timestamp covers a count that has not all run";
const EVERYWHERE: &str = "two updates are everywhere";

const SHOWS: &[(&[&str], &[&str])] = &[
    (&["pair", "independent", "three-clients"], &[OWN_WRITES, QUERY_WAITS, ORDERS, EVERYWHERE]),
    (&["reader"], &[READS_AGAIN, QUERY_WAITS]),
    (&["hearsay", "board"], &[HEARSAY, UPDATE_WAITS, QUERY_WAITS]),
    (&["loss", "batch"], &[FORGOTTEN, OUT_OF_ORDER, EVERYWHERE]),
    (&["retry", "twice"], &[TWICE, ORDERS, EVERYWHERE]),
    (&["late", "fragments-late"], &[LATE, TWICE, UPDATE_WAITS]),
    (&["repeats"], &[TWICE, ORDERS, DISCARDED]),
    (&["repeats-query"], &[TWICE, QUERY_WAITS, DISCARDED]),
    (&["crash"], &[UPDATE_WAITS, QUERY_WAITS, FORGOTTEN, EVERYWHERE]),
    (&["crash-loss"], &[TWICE, QUERY_WAITS, DISCARDED]),
    (&["fragments", "chain"], &[OUT_OF_ORDER, UPDATE_WAITS, FORGOTTEN]),
    (&["pull"], &[QUERY_WAITS, ORDERS]),
    (&["read-only", "read-only-crash"], &[OWN_WRITES, QUERY_WAITS, DISCARDED]),
    (&["read-only-loss"], &[DISCARDED]),
    (&["refused"], &[OWN_WRITES, DISCARDED]),
    (&["liar"], &[EVERYWHERE]),
    (&["phantom"], &[UPDATE_WAITS, EVERYWHERE]),
    (&["ring"], &[DISCARDED, FORGOTTEN, EVERYWHERE]),
    (&["crossing"], &[TWICE, UPDATE_WAITS, FORGOTTEN]),
    (&["histories", "histories-crash"], &[OWN_WRITES, WRITES_AFTER_READ, ORDERS]),
    (&["replace"], &[OWN_WRITES, QUERY_WAITS, DISCARDED]),
    (&["replace-loss", "replace-two"], &[DISCARDED]),
    (&["replace-late"], &[FORGOTTEN, LATE]),
    (&["counter", "set"], &[ORDERS, UPDATE_WAITS, FORGOTTEN]),
    (&["registers"], &[TWICE, FORGOTTEN]),
    (&["bank"], &[HEARSAY, ORDERS]),
    (&["mesh"], &[ORDERS, DISCARDED, EVERYWHERE]),
    (&["detour"], &[UPDATE_WAITS]),
    (&["all-at-once"], &[OWN_WRITES]),
    (&["mesh-late"], &[LATE]),
    (&["mesh-twice", "mesh-twice-crash"], &[TWICE]),
];

#[cfg(test)]
mod tests {
    use super::SHOWS;
    use crate::{
        catalogue::CATALOGUE,
        properties::{Kind, PROPERTIES},
    };

    #[test]
    fn every_model_has_one_row_and_every_row_names_witnesses() {
        for model in CATALOGUE {
            let rows = SHOWS.iter().filter(|(models, _)| models.contains(&model.name)).count();
            assert_eq!(rows, 1, "rows of {}", model.name);
        }
        let is_witness =
            |name: &str| PROPERTIES.iter().any(|p| p.kind == Kind::Sometimes && p.sentence == name);
        for (models, witnesses) in SHOWS {
            assert!(
                models.iter().all(|name| CATALOGUE.iter().any(|m| m.name == *name)),
                "{models:?}"
            );
            assert!(witnesses.iter().all(|name| is_witness(name)), "{models:?}: {witnesses:?}");
        }
    }
}
