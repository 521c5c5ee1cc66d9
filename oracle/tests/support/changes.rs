//! Changes of the extracted functions: the other way round, the protocol is as it was, and what it is
//! compared with is not.

use chinwag_oracle::{Oracle, Program};
use serde_json::{Value, json};

/// A change of one function. What is put in is a constructor without arguments, or a variable.
#[derive(Clone, Copy)]
pub enum Change {
    /// Its body becomes this.
    Body(&'static str, &'static str),
    /// In it, each call of another one becomes this.
    #[allow(dead_code, reason = "not every test that uses this file makes every kind of change")]
    Call(&'static str, &'static str, &'static str),
    /// In it, each call of another one becomes the last argument.
    #[allow(dead_code, reason = "as above")]
    Skip(&'static str, &'static str),
}

/// The proved functions with these changes.
pub fn changed(changes: &[Change]) -> Oracle {
    let text = include_str!("../../../proofs/extracted/core.json");
    let mut file: Value = serde_json::from_str(text).expect("it is JSON");
    for change in changes {
        match *change {
            Change::Body(name, body) => function(&mut file, name)["body"] = term(body),
            Change::Call(name, callee, with) => {
                let put = |_: &Value| term(with);
                assert!(replace(function(&mut file, name), callee, &put) > 0, "{callee}");
            }
            Change::Skip(name, callee) => {
                let last = |arguments: &Value| {
                    let arguments = arguments.as_array().expect("a list");
                    arguments.last().expect("it has some").clone()
                };
                assert!(replace(function(&mut file, name), callee, &last) > 0, "{callee}");
            }
        }
    }
    let program = Program::parse(&file.to_string()).expect("the change is well formed");
    Oracle::over(program).expect("all handlers are there")
}

fn function<'a>(file: &'a mut Value, name: &str) -> &'a mut Value {
    let declarations = file["declarations"].as_array_mut().expect("a list");
    let groups = declarations.iter_mut().flat_map(|declaration| {
        match declaration["what"] == "decl:fixgroup" {
            true => declaration["fixlist"].as_array_mut().expect("a list").iter_mut().collect(),
            false => vec![declaration],
        }
    });
    let mut named = groups.filter(|function| function["name"] == name);
    &mut named.next().unwrap_or_else(|| panic!("there is no {name}"))["value"]
}

fn term(word: &str) -> Value {
    match word.starts_with(char::is_uppercase) {
        true => json!({"what": "expr:constructor", "name": word, "args": []}),
        false => json!({"what": "expr:rel", "name": word}),
    }
}

/// Puts something instead of each call, and says how many there were.
fn replace(term: &mut Value, callee: &str, put: &dyn Fn(&Value) -> Value) -> usize {
    let is_it = term["what"] == "expr:apply" && term["func"]["name"] == callee;
    if is_it {
        *term = put(&term["args"]);
        return 1;
    }
    let parts: Vec<_> = match term {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    parts.into_iter().map(|part| replace(part, callee, put)).sum()
}
