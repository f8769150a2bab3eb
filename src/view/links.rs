//! Where pages link to each other: nowhere in a file that is sent around, or to the addresses of the dashboard.

use std::fmt::Write as _;

/// Which pages there are to link to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// The page is one file: it links to nothing.
    #[default]
    None,
    /// The page is one of the dashboard's.
    Dashboard,
}

impl Links {
    /// The address of the portfolio.
    pub fn portfolio(self) -> Option<String> {
        self.to(&[])
    }

    /// The address of a contract's scorecard.
    pub fn scorecard(self, namespace: &str, contract: &str) -> Option<String> {
        self.to(&["contracts", namespace, contract])
    }

    /// The address of a KPI's page.
    pub fn kpi(self, namespace: &str, kpi: &str) -> Option<String> {
        self.to(&["kpis", namespace, kpi])
    }

    /// The address of a report.
    pub fn report(self, namespace: &str, report: &str) -> Option<String> {
        self.to(&["reports", namespace, report])
    }

    /// The address of a launch.
    pub fn launch(self, namespace: &str, launch: &str) -> Option<String> {
        self.to(&["launches", namespace, launch])
    }

    /// The address of a report's workbook.
    pub fn workbook(self, namespace: &str, report: &str) -> Option<String> {
        self.to(&["workbooks", namespace, report])
    }

    /// The address of a contract's calendar.
    pub fn calendar(self, namespace: &str, contract: &str) -> Option<String> {
        self.to(&["calendars", namespace, contract])
    }

    fn to(self, segments: &[&str]) -> Option<String> {
        if self == Links::None {
            return None;
        }
        let path: String = segments.iter().map(|segment| format!("/{}", encoded(segment))).collect();
        Some(if path.is_empty() { "/".to_owned() } else { path })
    }
}

/// A segment of a path. Names without a namespace, as files have them, are below `-`.
fn encoded(segment: &str) -> String {
    if segment.is_empty() {
        return "-".to_owned();
    }
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            // Writing to a text cannot fail.
            other => _ = write!(out, "%{other:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_links_to_nothing_and_no_name_leaves_its_place_in_an_address() {
        assert_eq!(Links::None.scorecard("cx", "acme"), None);
        let cases = [
            ("cx", "acme", "/contracts/cx/acme"),
            ("", "acme", "/contracts/-/acme"),
            ("cx", "../x?y=\"z\"#<a>", "/contracts/cx/..%2Fx%3Fy%3D%22z%22%23%3Ca%3E"),
            ("cx", "é", "/contracts/cx/%C3%A9"),
        ];
        for (namespace, name, address) in cases {
            assert_eq!(Links::Dashboard.scorecard(namespace, name).as_deref(), Some(address));
        }
        assert_eq!(Links::Dashboard.portfolio().as_deref(), Some("/"));
    }
}
