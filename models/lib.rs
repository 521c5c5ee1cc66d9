//! Models, properties and mutants of the protocol in `chinwag`, and what checks them.

pub mod consistency;
pub mod laws;
