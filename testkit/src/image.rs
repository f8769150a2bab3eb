//! What the image sets for the operator that it runs, for those who measure what is shipped.

const DOCKERFILE: &str = include_str!("../../Dockerfile");

/// The environment of the image, each variable with its value.
pub fn environment() -> Vec<(&'static str, &'static str)> {
    let lines = DOCKERFILE.lines().filter_map(|line| line.strip_prefix("ENV "));
    lines.flat_map(str::split_whitespace).filter_map(|variable| variable.split_once('=')).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_environment_of_the_image_is_read() {
        let found = super::environment();
        assert!(found.iter().any(|(name, value)| *name == "MALLOC_ARENA_MAX" && !value.is_empty()), "{found:?}");
    }
}
