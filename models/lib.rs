//! Models, properties and mutants of the protocol in `chinwag`, and what checks them.

pub mod application;
pub mod catalogue;
pub mod consistency;
pub mod engine;
pub mod histories;
pub mod history;
pub mod laws;
pub mod model;
pub mod mutants;
pub mod party;
pub mod plain;
pub mod properties;
pub mod recording;
pub mod render;
pub mod scenario;
pub mod shows;
pub mod story;
pub mod system;
pub mod trace;
pub mod view;
