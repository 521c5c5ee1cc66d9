//! Reads Coq's `Extraction Language JSON`.

use crate::{
    error::Error,
    value::{CONSTRUCTORS, Tag, Value},
};
use serde_json::Value as Json;
use std::{collections::HashMap, rc::Rc};

/// Bytes of a file of extracted functions.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// Terms of a program: what fits in their numbers, many times over.
pub const TERMS_MAX: usize = 1 << 20;

/// The place of a term in [`Program`].
pub(crate) type TermId = u32;

/// An expression of the extracted language; variables are counted from the innermost.
pub(crate) enum Term {
    Variable(usize),
    Global(usize),
    Apply(TermId, Box<[TermId]>),
    Lambda(usize, TermId),
    Make(Tag, Box<[TermId]>),
    Zero,
    Successor(TermId),
    Case(TermId, Box<[(Pattern, TermId)]>),
    Let(TermId, TermId),
}

pub(crate) enum Pattern {
    Made(Tag),
    Zero,
    Successor,
    Any,
}

/// The extracted functions.
pub struct Program {
    pub(crate) terms: Vec<Term>,
    pub(crate) globals: Vec<TermId>,
    /// What a constructor without arguments has.
    pub(crate) no_fields: Rc<[Value]>,
    names: HashMap<String, usize>,
}

impl Program {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it is no JSON, or is not of the form that Coq writes, or uses constructors that this crate does
    /// not know.
    pub fn parse(text: &str) -> Result<Program, Error> {
        if text.len() > FILE_BYTES_MAX {
            return Err(Error::File(format!("more than {FILE_BYTES_MAX} bytes")));
        }
        let file: Json = serde_json::from_str(text).map_err(|e| Error::File(e.to_string()))?;
        let mut functions = Vec::new();
        let mut constructors = Vec::new();
        for declaration in list(&file, "declarations", "module")? {
            let name = declaration["name"].as_str().unwrap_or("a fixpoint");
            match text_of(declaration, "what", name)? {
                "decl:type" => {}
                "decl:ind" => constructors.extend(list(declaration, "constructors", name)?),
                "decl:term" => functions.push((name, &declaration["value"])),
                "decl:fixgroup" => {
                    for item in list(declaration, "fixlist", name)? {
                        functions.push((text_of(item, "name", name)?, &item["value"]));
                    }
                }
                other => return Err(wrong(name, format!("a declaration `{other}` is not known"))),
            }
        }
        check_constructors(&constructors)?;

        let places = functions.iter().enumerate().map(|(i, (name, _))| (String::from(*name), i));
        let names: HashMap<_, _> = places.collect();
        if names.len() < functions.len() {
            return Err(wrong("module", "two functions have one name".into()));
        }
        let mut program =
            Program { terms: Vec::new(), globals: Vec::new(), no_fields: Rc::from([]), names };
        for (name, body) in functions {
            let mut reader = Reader { program: &mut program, name, scope: Vec::new() };
            let root = reader.term(body)?;
            program.globals.push(root);
        }
        Ok(program)
    }

    /// The function of this name.
    pub(crate) fn find(&self, name: &str) -> Result<usize, Error> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| wrong(name, "there is no such function".into()))
    }

    pub(crate) fn add(&mut self, term: Term) -> Result<TermId, Error> {
        if self.terms.len() >= TERMS_MAX {
            return Err(Error::Limit { what: "terms", max: TERMS_MAX as u64 });
        }
        self.terms.push(term);
        Ok(self.terms.len() as TermId - 1)
    }
}

fn check_constructors(found: &[&Json]) -> Result<(), Error> {
    let numbers = [("O", 0), ("S", 1)];
    for constructor in found {
        let name = text_of(constructor, "name", "constructors")?;
        let arity = list(constructor, "argtypes", name)?.len();
        if !CONSTRUCTORS.contains(&(name, arity)) && !numbers.contains(&(name, arity)) {
            return Err(wrong(name, format!("no constructor with {arity} arguments is known")));
        }
    }
    let known = CONSTRUCTORS.len() + numbers.len();
    if found.len() != known {
        return Err(wrong("constructors", format!("{} of {known} are there", found.len())));
    }
    Ok(())
}

/// Reads the body of one function.
struct Reader<'a> {
    program: &'a mut Program,
    name: &'a str,
    /// The names of the variables, innermost last.
    scope: Vec<String>,
}

impl Reader<'_> {
    fn term(&mut self, json: &Json) -> Result<TermId, Error> {
        let name = self.name;
        let term = match text_of(json, "what", name)? {
            "expr:rel" => Term::Variable(self.variable(text_of(json, "name", name)?)?),
            "expr:global" => Term::Global(self.program.find(text_of(json, "name", name)?)?),
            "expr:apply" => {
                let function = self.term(&json["func"])?;
                Term::Apply(function, self.terms(list(json, "args", name)?)?)
            }
            "expr:lambda" => {
                let names = names(json, name)?;
                let arity = names.len();
                Term::Lambda(arity, self.within(names, &json["body"])?)
            }
            "expr:let" => {
                let bound = self.term(&json["nameval"])?;
                let names = vec![text_of(json, "name", name)?.to_owned()];
                Term::Let(bound, self.within(names, &json["body"])?)
            }
            "expr:constructor" => self.constructor(json)?,
            "expr:case" => {
                let subject = self.term(&json["expr"])?;
                let cases = list(json, "cases", name)?.iter().map(|case| self.case(case));
                Term::Case(subject, cases.collect::<Result<_, _>>()?)
            }
            other => return Err(wrong(name, format!("an expression `{other}` is not known"))),
        };
        self.program.add(term)
    }

    fn constructor(&mut self, json: &Json) -> Result<Term, Error> {
        let arguments = self.terms(list(json, "args", self.name)?)?;
        let constructor = text_of(json, "name", self.name)?;
        match (constructor, &arguments[..]) {
            ("O", []) => Ok(Term::Zero),
            ("S", [number]) => Ok(Term::Successor(*number)),
            _ => Ok(Term::Make(self.tag(constructor, arguments.len())?, arguments)),
        }
    }

    fn case(&mut self, json: &Json) -> Result<(Pattern, TermId), Error> {
        let pattern = &json["pat"];
        match text_of(pattern, "what", self.name)? {
            "pat:wild" => Ok((Pattern::Any, self.term(&json["body"])?)),
            "pat:constructor" => {
                let names = names(pattern, self.name)?;
                let matched = match (text_of(pattern, "name", self.name)?, names.len()) {
                    ("O", 0) => Pattern::Zero,
                    ("S", 1) => Pattern::Successor,
                    (constructor, arity) => Pattern::Made(self.tag(constructor, arity)?),
                };
                Ok((matched, self.within(names, &json["body"])?))
            }
            other => Err(wrong(self.name, format!("a pattern `{other}` is not known"))),
        }
    }

    /// Reads a term in which these variables are bound.
    fn within(&mut self, names: Vec<String>, body: &Json) -> Result<TermId, Error> {
        let outside = self.scope.len();
        self.scope.extend(names);
        let body = self.term(body);
        self.scope.truncate(outside);
        body
    }

    fn terms(&mut self, list: &[Json]) -> Result<Box<[TermId]>, Error> {
        list.iter().map(|json| self.term(json)).collect()
    }

    fn variable(&self, name: &str) -> Result<usize, Error> {
        let place = self.scope.iter().rev().position(|bound| bound == name);
        place.ok_or_else(|| wrong(self.name, format!("nothing binds `{name}`")))
    }

    fn tag(&self, name: &str, arity: usize) -> Result<Tag, Error> {
        let place = CONSTRUCTORS.iter().position(|known| *known == (name, arity));
        let place =
            place.ok_or_else(|| wrong(self.name, format!("`{name}` with {arity} arguments")))?;
        Ok(Tag(place as u16))
    }
}

fn wrong(declaration: &str, what: String) -> Error {
    Error::Program { declaration: declaration.into(), what }
}

fn text_of<'a>(json: &'a Json, key: &str, within: &str) -> Result<&'a str, Error> {
    json[key].as_str().ok_or_else(|| wrong(within, format!("no text `{key}`")))
}

fn list<'a>(json: &'a Json, key: &str, within: &str) -> Result<&'a Vec<Json>, Error> {
    json[key].as_array().ok_or_else(|| wrong(within, format!("no list `{key}`")))
}

fn names(json: &Json, within: &str) -> Result<Vec<String>, Error> {
    let name = |json: &Json| json.as_str().map(str::to_owned);
    let names = list(json, "argnames", within)?.iter().map(name).collect::<Option<_>>();
    names.ok_or_else(|| wrong(within, "the name of a variable is no text".into()))
}
