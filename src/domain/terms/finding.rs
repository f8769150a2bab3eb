//! What is wrong with an object, or advisable: the field, and what to write instead.

/// A spec that cannot be judged, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InvalidSpec(pub Vec<Finding>);

impl InvalidSpec {
    /// The same, with the name of the object where it is not given yet.
    pub fn named(mut self, name: &str) -> Self {
        for finding in self.0.iter_mut().filter(|finding| finding.name.is_empty()) {
            name.clone_into(&mut finding.name);
        }
        self
    }
}

/// One thing that is wrong with an object, or advisable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: {field}: {message}")]
pub struct Finding {
    /// Kind of the object.
    pub kind: &'static str,
    /// Name of the object.
    pub name: String,
    /// Path of the field, such as spec.term.end.
    pub field: String,
    /// What is wrong, what was expected and what to write instead.
    pub message: String,
}
