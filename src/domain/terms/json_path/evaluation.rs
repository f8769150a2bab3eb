//! Evaluates a path, taking every node that it looks at from a budget.
//!
//! The library that reads the paths evaluates them too, but without a bound, and its `==` takes numbers that are nearly equal
//! for equal. A property test holds this evaluation to that of another library.

use std::cmp::Ordering;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Literal, Segment, Selector, SingularQuery, SingularQuerySegment,
    Test, TestFunction,
};
use serde_json::Value;

use super::work::{TooMuchWork, Work};

/// A value that a path found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'v> {
    /// The value.
    pub value: &'v Value,
    /// Where it is, as a JSON Pointer (RFC 6901) from the value in which it was looked for.
    pub pointer: String,
}

/// Evaluates `segments` from `root`.
pub(super) fn find<'v>(
    segments: &[Segment],
    root: &'v Value,
    work: &Work,
    most: usize,
) -> Result<Vec<Found<'v>>, TooMuchWork> {
    Walker { root, work }.found(segments, root, most)
}

/// One step into a value.
#[derive(Clone, Copy)]
enum Step<'v> {
    Name(&'v str),
    Index(usize),
}

/// What has been found on a way through a document.
struct Trail<'v> {
    steps: Vec<Step<'v>>,
    found: Vec<Found<'v>>,
    most: usize,
}

impl Trail<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }

    fn pointer(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            text.push('/');
            match step {
                Step::Name(name) => text.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => text.push_str(&index.to_string()),
            }
        }
        text
    }
}

#[derive(Clone, Copy)]
struct Walker<'w, 'v> {
    root: &'v Value,
    work: &'w Work,
}

impl<'v> Walker<'_, 'v> {
    fn found(self, segments: &[Segment], from: &'v Value, most: usize) -> Result<Vec<Found<'v>>, TooMuchWork> {
        let mut trail = Trail { steps: Vec::new(), found: Vec::new(), most };
        self.walk(segments, from, &mut trail)?;
        Ok(trail.found)
    }

    /// Follows the segments from one value.
    fn walk(self, segments: &[Segment], value: &'v Value, trail: &mut Trail<'v>) -> Result<(), TooMuchWork> {
        let Some((segment, rest)) = segments.split_first() else {
            trail.found.push(Found { value, pointer: trail.pointer() });
            return Ok(());
        };
        self.apply(segment, rest, value, trail)
    }

    fn apply(
        self,
        segment: &Segment,
        rest: &[Segment],
        value: &'v Value,
        trail: &mut Trail<'v>,
    ) -> Result<(), TooMuchWork> {
        match segment {
            Segment::Selector(selector) => self.select(selector, rest, value, trail),
            Segment::Selectors(selectors) => {
                selectors.iter().try_for_each(|selector| self.select(selector, rest, value, trail))
            }
            Segment::Descendant(inner) => self.descend(inner, rest, value, trail),
        }
    }

    /// The segment at the value itself, then at everything inside it.
    fn descend(
        self,
        inner: &Segment,
        rest: &[Segment],
        value: &'v Value,
        trail: &mut Trail<'v>,
    ) -> Result<(), TooMuchWork> {
        self.apply(inner, rest, value, trail)?;
        for (step, child) in children(value) {
            if trail.is_full() {
                return Ok(());
            }
            self.work.take(1)?;
            trail.steps.push(step);
            self.descend(inner, rest, child, trail)?;
            trail.steps.pop();
        }
        Ok(())
    }

    fn select(
        self,
        selector: &Selector,
        rest: &[Segment],
        value: &'v Value,
        trail: &mut Trail<'v>,
    ) -> Result<(), TooMuchWork> {
        match selector {
            Selector::Name(name) => match value.as_object().and_then(|object| object.get_key_value(name)) {
                Some((name, child)) => self.enter(Step::Name(name), child, rest, trail),
                None => self.work.take(1),
            },
            Selector::Index(index) => match value.as_array().and_then(|array| element(array, *index)) {
                Some((place, child)) => self.enter(Step::Index(place), child, rest, trail),
                None => self.work.take(1),
            },
            Selector::Wildcard => children(value).try_for_each(|(step, child)| self.enter(step, child, rest, trail)),
            Selector::Slice(start, end, step) => {
                let Some(array) = value.as_array() else { return self.work.take(1) };
                slice(array.len(), *start, *end, *step).try_for_each(|place| match array.get(place) {
                    Some(child) => self.enter(Step::Index(place), child, rest, trail),
                    None => Ok(()),
                })
            }
            Selector::Filter(filter) => children(value).try_for_each(|(step, child)| {
                self.work.take(1)?;
                if !trail.is_full() && self.holds(filter, child)? {
                    self.enter(step, child, rest, trail)?;
                }
                Ok(())
            }),
        }
    }

    fn enter(
        self,
        step: Step<'v>,
        child: &'v Value,
        rest: &[Segment],
        trail: &mut Trail<'v>,
    ) -> Result<(), TooMuchWork> {
        if trail.is_full() {
            return Ok(());
        }
        self.work.take(1)?;
        trail.steps.push(step);
        self.walk(rest, child, trail)?;
        trail.steps.pop();
        Ok(())
    }

    fn holds(self, filter: &Filter, item: &'v Value) -> Result<bool, TooMuchWork> {
        match filter {
            Filter::Or(parts) => any(parts, |part| self.holds(part, item)),
            Filter::And(parts) => Ok(!any(parts, |part| self.holds(part, item).map(|holds| !holds))?),
            Filter::Atom(FilterAtom::Filter { expr, not }) => Ok(self.holds(expr, item)? != *not),
            Filter::Atom(FilterAtom::Test { expr, not }) => Ok(self.exists(expr, item)? != *not),
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.compares(comparison, item),
        }
    }

    fn exists(self, test: &Test, item: &'v Value) -> Result<bool, TooMuchWork> {
        let found = match test {
            Test::RelQuery(segments) => self.found(segments, item, 1)?,
            Test::AbsQuery(query) => self.found(&query.segments, self.root, 1)?,
            // No function of the grammar is a test; see `grammar::unknown`.
            Test::Function(_) => Vec::new(),
        };
        Ok(!found.is_empty())
    }

    fn compares(self, comparison: &Comparison, item: &'v Value) -> Result<bool, TooMuchWork> {
        let (left, right) = comparison.vals();
        let (left, right) = (self.side(left, item)?, self.side(right, item)?);
        let (equal, order) = (|| self.equal(&left, &right), || self.order(&left, &right));
        Ok(match comparison {
            Comparison::Eq(..) => equal()?,
            Comparison::Ne(..) => !equal()?,
            Comparison::Lt(..) => order()? == Some(Ordering::Less),
            Comparison::Gt(..) => order()? == Some(Ordering::Greater),
            Comparison::Lte(..) => order()? == Some(Ordering::Less) || equal()?,
            Comparison::Gte(..) => order()? == Some(Ordering::Greater) || equal()?,
        })
    }

    fn side(self, side: &Comparable, item: &'v Value) -> Result<Side<'v>, TooMuchWork> {
        Ok(match side {
            Comparable::Literal(literal) => literal_side(literal),
            Comparable::SingularQuery(SingularQuery::Current(steps)) => self.single(steps, item)?,
            Comparable::SingularQuery(SingularQuery::Root(steps)) => self.single(steps, self.root)?,
            Comparable::Function(function) => self.function(function, item)?,
        })
    }

    fn single(self, steps: &[SingularQuerySegment], from: &'v Value) -> Result<Side<'v>, TooMuchWork> {
        let mut value = from;
        for step in steps {
            self.work.take(1)?;
            let next = match step {
                SingularQuerySegment::Name(name) => value.as_object().and_then(|object| object.get(name)),
                SingularQuerySegment::Index(index) => {
                    value.as_array().and_then(|array| Some(element(array, *index)?.1))
                }
            };
            let Some(next) = next else { return Ok(Side::Nothing) };
            value = next;
        }
        Ok(Side::Found(value))
    }

    fn function(self, function: &TestFunction, item: &'v Value) -> Result<Side<'v>, TooMuchWork> {
        match function {
            TestFunction::Length(argument) => {
                let argument = self.argument(argument, item)?;
                self.work.take(text_cost(argument.value()))?;
                Ok(match argument.value() {
                    Some(Value::String(text)) => Side::count(text.chars().count()),
                    Some(Value::Array(array)) => Side::count(array.len()),
                    Some(Value::Object(object)) => Side::count(object.len()),
                    _ => Side::Nothing,
                })
            }
            TestFunction::Count(FnArg::Test(test)) => Ok(Side::count(self.nodes(test, item, usize::MAX)?.len())),
            TestFunction::Value(argument) => self.argument(argument, item),
            _ => Ok(Side::Nothing),
        }
    }

    /// The one value of an argument.
    fn argument(self, argument: &FnArg, item: &'v Value) -> Result<Side<'v>, TooMuchWork> {
        match argument {
            FnArg::Literal(literal) => Ok(literal_side(literal)),
            FnArg::Test(test) => match test.as_ref() {
                Test::Function(function) => self.function(function, item),
                query => Ok(match self.nodes(query, item, 2)?.as_slice() {
                    [one] => Side::Found(one.value),
                    _ => Side::Nothing,
                }),
            },
            FnArg::Filter(_) => Ok(Side::Nothing),
        }
    }

    fn nodes(self, query: &Test, item: &'v Value, most: usize) -> Result<Vec<Found<'v>>, TooMuchWork> {
        match query {
            Test::RelQuery(segments) => self.found(segments, item, most),
            Test::AbsQuery(query) => self.found(&query.segments, self.root, most),
            Test::Function(_) => Ok(Vec::new()),
        }
    }

    fn equal(self, left: &Side<'v>, right: &Side<'v>) -> Result<bool, TooMuchWork> {
        match (left.value(), right.value()) {
            (None, None) => Ok(true),
            (Some(left), Some(right)) => self.same(left, right),
            _ => Ok(false),
        }
    }

    fn same(self, left: &Value, right: &Value) -> Result<bool, TooMuchWork> {
        self.work.take(1)?;
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => Ok(ordered(left, right) == Some(Ordering::Equal)),
            (Value::String(left), Value::String(right)) if left.len() == right.len() => {
                self.work.take(left.len() as u64 / BYTES_A_NODE)?;
                Ok(left == right)
            }
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
                all(left.iter().zip(right), |(left, right)| self.same(left, right))
            }
            (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
                all(left, |(name, left)| match right.get(name) {
                    Some(right) => self.same(left, right),
                    None => Ok(false),
                })
            }
            (Value::Null, Value::Null) => Ok(true),
            (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
            _ => Ok(false),
        }
    }

    fn order(self, left: &Side<'v>, right: &Side<'v>) -> Result<Option<Ordering>, TooMuchWork> {
        match (left.value(), right.value()) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => Ok(ordered(left, right)),
            (Some(Value::String(left)), Some(Value::String(right))) => {
                self.work.take(left.len().min(right.len()) as u64 / BYTES_A_NODE)?;
                Ok(Some(left.cmp(right)))
            }
            _ => Ok(None),
        }
    }
}

/// Bytes of text that cost as much as a node.
const BYTES_A_NODE: u64 = 64;

fn text_cost(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).map_or(0, |text| text.len() as u64 / BYTES_A_NODE)
}

/// One side of a comparison.
enum Side<'v> {
    Nothing,
    Found(&'v Value),
    Made(Value),
}

impl Side<'_> {
    fn count(count: usize) -> Self {
        Side::Made(Value::from(count))
    }

    fn value(&self) -> Option<&Value> {
        match self {
            Side::Nothing => None,
            Side::Found(value) => Some(value),
            Side::Made(value) => Some(value),
        }
    }
}

fn literal_side<'v>(literal: &Literal) -> Side<'v> {
    Side::Made(match literal {
        Literal::Int(number) => Value::from(*number),
        Literal::Float(number) => Value::from(*number),
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Bool(flag) => Value::from(*flag),
        Literal::Null => Value::Null,
    })
}

/// Whole numbers are compared exactly, others as they are in the document: binary.
fn ordered(left: &serde_json::Number, right: &serde_json::Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = (Step<'_>, &Value)> + '_> {
    match value {
        Value::Array(array) => Box::new(array.iter().enumerate().map(|(index, child)| (Step::Index(index), child))),
        Value::Object(object) => Box::new(object.iter().map(|(name, child)| (Step::Name(name), child))),
        _ => Box::new(std::iter::empty()),
    }
}

fn element(array: &[Value], index: i64) -> Option<(usize, &Value)> {
    let place = match usize::try_from(index) {
        Ok(place) => place,
        Err(_) => array.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    Some((place, array.get(place)?))
}

/// The places of a slice (RFC 9535 §2.3.4.2).
fn slice(length: usize, start: Option<i64>, end: Option<i64>, step: Option<i64>) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    let normal = |index: i64| if index >= 0 { index } else { length.saturating_add(index) };
    let (first, last) = if step >= 0 {
        let first = normal(start.unwrap_or(0)).clamp(0, length);
        (first, normal(end.unwrap_or(length)).clamp(0, length))
    } else {
        let first = normal(start.unwrap_or(length - 1)).clamp(-1, length - 1);
        (first, end.map_or(-1, normal).clamp(-1, length - 1))
    };
    let going = move |place: &i64| if step > 0 { *place < last } else { step < 0 && *place > last };
    std::iter::successors(Some(first).filter(going), move |place| place.checked_add(step).filter(going))
        .filter_map(|place| usize::try_from(place).ok())
}

fn any<T>(
    items: impl IntoIterator<Item = T>,
    mut holds: impl FnMut(T) -> Result<bool, TooMuchWork>,
) -> Result<bool, TooMuchWork> {
    for item in items {
        if holds(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all<T>(
    items: impl IntoIterator<Item = T>,
    mut holds: impl FnMut(T) -> Result<bool, TooMuchWork>,
) -> Result<bool, TooMuchWork> {
    any(items, |item| holds(item).map(|holds| !holds)).map(|fails| !fails)
}
