//! Runs the extracted functions: call by value, and calls in tail position take no stack.

use crate::{
    error::Error,
    program::{Pattern, Program, Term, TermId},
    value::{Bound, Closure, Scope, Value},
};
use std::rc::Rc;

/// Terms that one call may evaluate.
pub const STEPS_MAX: u64 = 10_000_000;

/// Evaluations within evaluations: what a thread with 2 MiB of stack has room for, several times over.
pub const DEPTH_MAX: u64 = 1_000;

/// What is left of the limits.
struct Budget {
    steps: u64,
    depth: u64,
    depth_max: u64,
}

impl Program {
    /// Calls a function.
    ///
    /// # Errors
    ///
    /// If a limit is met, or the arguments are not of the function's types.
    pub(crate) fn call(
        &self,
        function: usize,
        arguments: Vec<Value>,
        depth_max: u64,
    ) -> Result<Value, Error> {
        let mut budget = Budget { steps: STEPS_MAX, depth: depth_max, depth_max };
        let function = self.eval(self.globals[function], None, &mut budget)?;
        match self.enter(function, arguments, &mut budget)? {
            Entered::Done(value) => Ok(value),
            Entered::Body(body, scope) => self.eval(body, scope, &mut budget),
        }
    }

    fn eval(&self, term: TermId, scope: Scope, budget: &mut Budget) -> Result<Value, Error> {
        let too_deep =
            Error::Limit { what: "evaluations within each other", max: budget.depth_max };
        budget.depth = budget.depth.checked_sub(1).ok_or(too_deep)?;
        let value = self.eval_within(term, scope, budget);
        budget.depth += 1;
        value
    }

    fn eval_within(
        &self,
        mut term: TermId,
        mut scope: Scope,
        budget: &mut Budget,
    ) -> Result<Value, Error> {
        loop {
            budget.steps = budget.steps.checked_sub(1).ok_or(TOO_LONG)?;
            match &self.terms[term as usize] {
                Term::Variable(place) => return lookup(&scope, *place),
                Term::Global(global) => (term, scope) = (self.globals[*global], None),
                Term::Apply(function, arguments) => {
                    if let Some(body) = self.body(*function, arguments.len()) {
                        let mut inner = None;
                        for argument in arguments {
                            inner = bind(self.eval(*argument, scope.clone(), budget)?, inner);
                        }
                        (term, scope) = (body, inner);
                        continue;
                    }
                    let function = self.eval(*function, scope.clone(), budget)?;
                    let arguments = self.each(arguments, &scope, budget)?;
                    match self.enter(function, arguments, budget)? {
                        Entered::Done(value) => return Ok(value),
                        Entered::Body(body, inner) => (term, scope) = (body, inner),
                    }
                }
                Term::Lambda(arity, body) => {
                    let (arity, body, given) = (*arity, *body, Vec::new());
                    let closure = Closure { arity, body, scope, given };
                    return Ok(Value::Function(Rc::new(closure)));
                }
                Term::Make(tag, arguments) if arguments.is_empty() => {
                    return Ok(Value::Made(*tag, self.no_fields.clone()));
                }
                Term::Make(tag, arguments) => {
                    let arguments = self.each(arguments, &scope, budget)?;
                    return Ok(Value::Made(*tag, arguments.into()));
                }
                Term::Zero => return Ok(Value::Number(0)),
                Term::Successor(number) => {
                    let number = self.eval(*number, scope, budget)?;
                    return successor(&number);
                }
                Term::Let(bound, body) => {
                    let value = self.eval(*bound, scope.clone(), budget)?;
                    (term, scope) = (*body, bind(value, scope));
                }
                Term::Case(subject, cases) => {
                    let value = self.eval(*subject, scope.clone(), budget)?;
                    (term, scope) = choose(&value, cases, scope)?;
                }
            }
        }
    }

    /// The body of a function that has a name and takes so many arguments: most calls are such, and need no
    /// closure.
    fn body(&self, function: TermId, arguments: usize) -> Option<TermId> {
        let Term::Global(global) = self.terms[function as usize] else { return None };
        match self.terms[self.globals[global] as usize] {
            Term::Lambda(arity, body) if arity == arguments => Some(body),
            _ => None,
        }
    }

    fn each(
        &self,
        terms: &[TermId],
        scope: &Scope,
        budget: &mut Budget,
    ) -> Result<Vec<Value>, Error> {
        terms.iter().map(|term| self.eval(*term, scope.clone(), budget)).collect()
    }

    /// Gives a function its arguments. With too few it waits for more, with too many its result is given
    /// the rest.
    fn enter(
        &self,
        mut function: Value,
        mut arguments: Vec<Value>,
        budget: &mut Budget,
    ) -> Result<Entered, Error> {
        loop {
            let Value::Function(closure) = &function else {
                return Err(function.unlike("a function"));
            };
            let Closure { arity, body, .. } = **closure;
            let missing = arity - closure.given.len();
            let rest = arguments.split_off(missing.min(arguments.len()));
            if arguments.len() < missing {
                let given = closure.given.iter().cloned().chain(arguments).collect();
                let scope = closure.scope.clone();
                let waiting = Closure { arity, body, scope, given };
                return Ok(Entered::Done(Value::Function(Rc::new(waiting))));
            }
            let given = closure.given.iter().cloned().chain(arguments);
            let scope = given.fold(closure.scope.clone(), |scope, value| bind(value, scope));
            if rest.is_empty() {
                return Ok(Entered::Body(body, scope));
            }
            (function, arguments) = (self.eval(body, scope, budget)?, rest);
        }
    }
}

/// What comes of giving a function its arguments.
enum Entered {
    Done(Value),
    /// Its body is to be evaluated.
    Body(TermId, Scope),
}

const TOO_LONG: Error = Error::Limit { what: "steps", max: STEPS_MAX };

fn bind(value: Value, outer: Scope) -> Scope {
    Some(Rc::new(Bound { value, outer }))
}

fn lookup(scope: &Scope, place: usize) -> Result<Value, Error> {
    let unbound = || Error::Shape { expected: "a variable", found: "nothing".into() };
    let mut bound = scope.as_ref().ok_or_else(unbound)?;
    for _ in 0..place {
        bound = bound.outer.as_ref().ok_or_else(unbound)?;
    }
    Ok(bound.value.clone())
}

fn successor(value: &Value) -> Result<Value, Error> {
    let Value::Number(number) = value else { return Err(value.unlike("a number")) };
    let next = number.checked_add(1);
    next.map(Value::Number).ok_or_else(|| value.unlike("a number with a successor"))
}

/// The first case that fits, with its variables bound.
fn choose(
    value: &Value,
    cases: &[(Pattern, TermId)],
    scope: Scope,
) -> Result<(TermId, Scope), Error> {
    for (pattern, body) in cases {
        match (pattern, value) {
            (Pattern::Any, _) | (Pattern::Zero, Value::Number(0)) => return Ok((*body, scope)),
            (Pattern::Successor, Value::Number(number)) if *number > 0 => {
                return Ok((*body, bind(Value::Number(number - 1), scope)));
            }
            (Pattern::Made(tag), Value::Made(found, fields)) if tag == found => {
                let bound = fields.iter().cloned();
                return Ok((*body, bound.fold(scope, |scope, value| bind(value, scope))));
            }
            _ => {}
        }
    }
    Err(value.unlike("one of the cases"))
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, STEPS_MAX};
    use crate::{
        error::Error,
        program::Program,
        value::{Mirror, Value},
    };

    fn call(function: &str, arguments: Vec<Value>) -> Result<Value, Error> {
        let text = include_str!("../../proofs/extracted/core.json");
        let program = Program::parse(text).expect("the checked-in functions can be read");
        program.call(program.find(function).expect("it is there"), arguments, DEPTH_MAX)
    }

    #[test]
    fn arithmetic_is_that_of_natural_numbers() {
        let of = |function, a: u64, b: u64| {
            u64::decode(&call(function, vec![a.encode(), b.encode()]).expect("it ends"))
        };
        for (a, b) in [(0, 0), (0, 3), (3, 0), (2, 5), (5, 2), (7, 7)] {
            assert_eq!(of("add", a, b), Ok(a + b));
            assert_eq!(of("sub", a, b), Ok(a.saturating_sub(b)));
            assert_eq!(of("max", a, b), Ok(a.max(b)));
            assert_eq!(of("min", a, b), Ok(a.min(b)));
            let less = call("ltb", vec![a.encode(), b.encode()]).expect("it ends");
            assert_eq!(bool::decode(&less), Ok(a < b));
        }
    }

    #[test]
    fn lists_come_back_as_they_went() {
        let pairs = vec![((1, 2), vec![true, false]), ((3, 4), vec![])];
        let nothing = Vec::<u64>::new();
        let joined = call("app", vec![pairs.encode(), nothing.encode()]).expect("it ends");
        assert_eq!(Vec::decode(&joined), Ok(pairs));
    }

    #[test]
    fn what_is_too_deep_or_takes_too_long_is_an_error() {
        let long = vec![0_u64; 5_000];
        let deep = call("length", vec![long.encode()]).expect_err("it is too deep");
        assert!(matches!(deep, Error::Limit { max: DEPTH_MAX, .. }), "{deep}");

        let endless = call("eqb", vec![u64::MAX.encode(), u64::MAX.encode()]);
        let endless = endless.expect_err("it takes too long");
        assert!(matches!(endless, Error::Limit { max: STEPS_MAX, .. }), "{endless}");
    }

    #[test]
    fn arguments_of_another_type_are_an_error() {
        let wrong = call("length", vec![7_u64.encode()]).expect_err("a number is no list");
        assert_eq!(wrong.to_string(), "expected one of the cases, found 7");
    }
}
