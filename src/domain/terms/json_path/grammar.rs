//! Which paths may be written.
//!
//! With one selector a segment, unions of different names, no descendants and filters that look at single values, each node
//! is reached at most once by each segment: the cost is at most nodes × segments.

use std::collections::BTreeSet;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Segment, Selector, Test, TestFunction,
};

/// Segments of a path.
const MOST_SEGMENTS: usize = 16;

/// What a path asks for that is not of RFC 9535, or cannot be evaluated with bounded work at all.
pub(super) fn unknown(segments: &[Segment]) -> Option<String> {
    selectors(segments).find_map(|selector| match selector {
        Selector::Filter(filter) => atoms(filter).into_iter().find_map(unknown_atom),
        _ => None,
    })
}

fn unknown_atom(atom: &FilterAtom) -> Option<String> {
    match atom {
        FilterAtom::Filter { .. } => None,
        FilterAtom::Test { expr, .. } => match expr.as_ref() {
            Test::RelQuery(segments) => unknown(segments),
            Test::AbsQuery(query) => unknown(&query.segments),
            Test::Function(function) => Some(match function.as_ref() {
                TestFunction::Length(_) | TestFunction::Count(_) | TestFunction::Value(_) => {
                    "a function in a filter needs a comparison, such as length(@.tags) > 0".to_owned()
                }
                other => not_taken(other),
            }),
        },
        FilterAtom::Comparison(comparison) => sides(comparison).into_iter().find_map(|side| match side {
            Comparable::Function(function) => unknown_function(function),
            Comparable::Literal(_) | Comparable::SingularQuery(_) => None,
        }),
    }
}

fn unknown_function(function: &TestFunction) -> Option<String> {
    match function {
        TestFunction::Length(argument) => unknown_argument(argument),
        TestFunction::Count(argument) | TestFunction::Value(argument) => unknown_argument(argument),
        other => Some(not_taken(other)),
    }
}

fn unknown_argument(argument: &FnArg) -> Option<String> {
    match argument {
        FnArg::Literal(_) => None,
        FnArg::Filter(_) => Some("a function takes a path, such as length(@.tags)".to_owned()),
        FnArg::Test(test) => match test.as_ref() {
            Test::RelQuery(segments) => unknown(segments),
            Test::AbsQuery(query) => unknown(&query.segments),
            Test::Function(function) => unknown_function(function),
        },
    }
}

fn not_taken(function: &TestFunction) -> String {
    let name = match function {
        TestFunction::Custom(name, _) => name.as_str(),
        TestFunction::Length(_) => "length",
        TestFunction::Value(_) => "value",
        TestFunction::Count(_) => "count",
        TestFunction::Search(..) => "search",
        TestFunction::Match(..) => "match",
    };
    format!("the function {name:.40} is not taken: compare with == or !=, such as [?@.kind == 'row']")
}

/// Why a path may cost more than nodes × segments.
pub(super) fn excess(segments: &[Segment]) -> Option<String> {
    if segments.len() > MOST_SEGMENTS {
        return Some(format!("it has {} segments: write at most {MOST_SEGMENTS}", segments.len()));
    }
    segments.iter().find_map(|segment| match segment {
        Segment::Descendant(_) => {
            Some("`..` looks at the whole document: name each step, such as $.data.rows[*]".to_owned())
        }
        Segment::Selector(Selector::Filter(filter)) => atoms(filter).into_iter().find_map(excess_of_atom),
        Segment::Selector(_) => None,
        Segment::Selectors(selectors) => excess_of_union(selectors),
    })
}

fn excess_of_union(selectors: &[Selector]) -> Option<String> {
    let mut names = BTreeSet::new();
    let distinct = selectors.iter().all(|selector| matches!(selector, Selector::Name(name) if names.insert(name)));
    (!distinct).then(|| {
        "a segment with several selectors may hold different names only, such as $['calls','chats'][*]: write one selector a segment"
            .to_owned()
    })
}

fn excess_of_atom(atom: &FilterAtom) -> Option<String> {
    let nested = || "a filter may look at single values of an item only, such as [?@.kind == 'row']".to_owned();
    let counts = || "a filter may not count: compare single values, such as [?@.kind == 'row']".to_owned();
    match atom {
        FilterAtom::Filter { .. } => None,
        FilterAtom::Test { expr, .. } => match expr.as_ref() {
            Test::RelQuery(segments) => (!is_singular(segments)).then(nested),
            Test::AbsQuery(query) => (!is_singular(&query.segments)).then(nested),
            Test::Function(_) => Some(counts()),
        },
        FilterAtom::Comparison(comparison) => sides(comparison).into_iter().find_map(|side| match side {
            Comparable::Function(TestFunction::Length(argument)) => (!is_single_value(argument)).then(counts),
            Comparable::Function(_) => Some(counts()),
            Comparable::Literal(_) | Comparable::SingularQuery(_) => None,
        }),
    }
}

fn is_single_value(argument: &FnArg) -> bool {
    match argument {
        FnArg::Literal(_) => true,
        FnArg::Filter(_) => false,
        FnArg::Test(test) => match test.as_ref() {
            Test::RelQuery(segments) => is_singular(segments),
            Test::AbsQuery(query) => is_singular(&query.segments),
            Test::Function(_) => false,
        },
    }
}

fn is_singular(segments: &[Segment]) -> bool {
    let single = |segment: &Segment| matches!(segment, Segment::Selector(Selector::Name(_) | Selector::Index(_)));
    segments.len() <= MOST_SEGMENTS && segments.iter().all(single)
}

fn sides(comparison: &Comparison) -> [&Comparable; 2] {
    let (left, right) = comparison.vals();
    [left, right]
}

/// All selectors of a path, those of filters left out.
fn selectors(segments: &[Segment]) -> impl Iterator<Item = &Selector> {
    segments.iter().flat_map(|segment| {
        let mut inner = segment;
        while let Segment::Descendant(next) = inner {
            inner = next;
        }
        match inner {
            Segment::Selectors(several) => several.as_slice(),
            Segment::Selector(one) => std::slice::from_ref(one),
            Segment::Descendant(_) => &[],
        }
    })
}

/// The atoms of a filter, those in parentheses included.
fn atoms(filter: &Filter) -> Vec<&FilterAtom> {
    match filter {
        Filter::Or(parts) | Filter::And(parts) => parts.iter().flat_map(atoms).collect(),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => atoms(expr),
        Filter::Atom(atom) => vec![atom],
    }
}
