//! What a feed answers, and where in it the rows are.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Absent, Condition, Count, JsonRecords, JsonTime, Otherwise, RowTime, Summand, TableRecords};

/// What an endpoint answers: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["json", "xml", "csv", "xlsx", "arrays", "openMetrics", "prometheus"], "; leave `format` out for the native one"))]
#[x_kube(validation = (
    "!has(self.unpack) || has(self.json) || has(self.xml) || has(self.csv)",
    "unpack belongs to json, xml and csv: take it away; an XLSX workbook is unpacked anyway"
))]
#[x_kube(validation = (
    "!has(self.csv) || !(has(self.csv.sheet) || has(self.csv.rows))",
    "sheet belongs to xlsx and rows to arrays: take them away from csv"
))]
#[x_kube(validation = (
    "!has(self.xlsx) || !(has(self.xlsx.delimiter) || has(self.xlsx.encoding) || has(self.xlsx.lastLine) || has(self.xlsx.text) || \
     has(self.xlsx.rows) || has(self.xlsx.decimalComma))",
    "delimiter, encoding, lastLine, text, rows and decimalComma do not belong to xlsx: take them away"
))]
#[x_kube(validation = (
    "!has(self.arrays) || (has(self.arrays.rows) && !(has(self.arrays.delimiter) || has(self.arrays.encoding) || \
     has(self.arrays.lastLine) || has(self.arrays.text) || has(self.arrays.sheet)))",
    "write `rows` for arrays, such as $.rows; delimiter, encoding, lastLine, text and sheet do not belong to it"
))]
pub struct FeedFormat {
    /// JSON of any shape, read by RFC 9535 JSONPath.
    pub json: Option<JsonFormat>,
    /// XML, read as the same tree as JSON: elements by their local names, attributes as `@name`, an element with nothing but text as that
    /// text, elements that repeat as a list. An element that a path follows with `[*]` is a list, also where it is there once.
    pub xml: Option<JsonFormat>,
    /// A table of text with separators, such as a CSV export.
    pub csv: Option<TableFormat>,
    /// A sheet of an Excel workbook (.xlsx). Formulas are read as the values that were saved with them.
    pub xlsx: Option<TableFormat>,
    /// A table in JSON: a list of lists, such as `{"rows": [["Billing", 97], …]}`.
    pub arrays: Option<TableFormat>,
    /// What the answer is packed in.
    #[schemars(extend("description" = "What the answer is packed in: Gzip, or Zip, whose files are each read by the format. Inside the bounds of an answer, at most 1,000 files, no archive in an archive. For json, xml and csv. Default: nothing."))]
    pub unpack: Option<Unpack>,
    /// The OpenMetrics or Prometheus text format; counters become flows between two fetches.
    pub open_metrics: Option<OpenMetricsFormat>,
    /// Range queries against the Prometheus HTTP API at `url`.
    pub prometheus: Option<PrometheusFormat>,
}

impl FeedFormat {
    /// The mapping of a tree, and under which name it is found: json or xml.
    pub fn tree(&self) -> Option<(&'static str, &JsonFormat)> {
        let json = self.json.as_ref().map(|json| ("json", json));
        json.or_else(|| self.xml.as_ref().map(|xml| ("xml", xml)))
    }

    /// The mapping of a table, and under which name it is found: csv, xlsx or arrays.
    pub fn table(&self) -> Option<(&'static str, &TableFormat)> {
        let csv = self.csv.as_ref().map(|csv| ("csv", csv));
        let xlsx = || self.xlsx.as_ref().map(|xlsx| ("xlsx", xlsx));
        csv.or_else(xlsx).or_else(|| self.arrays.as_ref().map(|arrays| ("arrays", arrays)))
    }

    /// The measures of a tree or a table.
    pub fn mapped_measures(&self) -> &[MeasureMapping] {
        let tree = self.tree().map(|(_, tree)| tree.measures.as_slice());
        tree.or_else(|| self.table().map(|(_, table)| table.measures.as_slice())).unwrap_or_default()
    }

    /// The labels of a tree or a table.
    pub fn mapped_labels(&self) -> &[LabelMapping] {
        let tree = self.tree().map(|(_, tree)| tree.labels.as_slice());
        tree.or_else(|| self.table().map(|(_, table)| table.labels.as_slice())).unwrap_or_default()
    }

    /// What is used as the interval of a row of a tree or a table.
    pub fn row_time(&self) -> Option<RowTime> {
        self.tree().map_or_else(|| self.table().and_then(|(_, table)| table.time), |(_, tree)| tree.time)
    }

    /// Whether rows are counted from records.
    pub fn has_records(&self) -> bool {
        self.tree().is_some_and(|(_, tree)| tree.records.is_some())
            || self.table().is_some_and(|(_, table)| table.records.is_some())
    }

    /// Whether an answer is JSON or XML, in which a path can be looked up.
    pub fn is_tree(&self) -> bool {
        let text = self.csv.as_ref().is_some_and(|csv| csv.text.is_some());
        (self.tree().is_some() && self.unpack.is_none()) || self.arrays.is_some() || text
    }
}

/// What an answer is packed in: Gzip or Zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Unpack {
    Gzip,
    Zip,
}

/// JSON of any shape.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::label_members("path", &["column", "label"]))]
#[x_kube(validation = crate::api::rules::summed_members("path", &["column", "metric", "query", "stock"]))]
#[x_kube(validation = crate::api::rules::condition_members("path", "column"))]
pub struct JsonFormat {
    /// Levels above the rows, outermost first: each path is relative to the level before it. A label, time or measure with
    /// `in: NAME` is looked up in that level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub parents: Vec<Parent>,
    /// RFC 9535 JSONPath of the rows, such as `$.results[*]`, relative to the innermost parent; the other paths are relative to a row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub rows: String,
    /// Which rows count: all conditions must hold. Default: all rows. Pages are counted before.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<Condition>,
    /// Where a row's start is: a path such as `$.from`, or `{path, format, in}` with a strftime format such as `%d/%m/%Y %H:%M`.
    /// Write exactly one of start, interval, time, records.
    pub start: Option<JsonTime>,
    /// Where a row's end is, as `start`. Default: the start plus `cadence`.
    pub end: Option<JsonTime>,
    /// Path of a text that holds start and end with a slash between them, such as `2026-01-05T09:00Z/2026-01-05T09:30Z`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub interval: Option<String>,
    /// What is used as a row's interval.
    #[schemars(extend("description" = "Window: the answer says no time; each request asks for one slot of the feed's cadence, which is the interval of its rows. Default: start or interval."))]
    pub time: Option<RowTime>,
    /// Each item of `rows` is a record, such as a call, and rows are counted from them.
    pub records: Option<JsonRecords>,
    /// IANA zone of local times without an offset. Default: the contract's.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = crate::api::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
    /// Labels of a row, each with the place of its value, such as queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
    /// Measures of a row, each with the place of its number, such as offered.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
}

/// Where a label's value comes from: `path` (JSON, XML), `column` (tables), `label` (metrics) or a constant `value`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelMapping {
    /// Name of the label, such as queue or site.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// JSONPath of the value, relative to the row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: Option<String>,
    /// Name of the parent where `path` starts. Default: the row.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 63))]
    pub within: Option<String>,
    /// Name of the column that holds the value.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// Label of the sample that holds the value.
    #[schemars(length(min = 1, max = 253))]
    pub label: Option<String>,
    /// Constant text that every row has; instead of a path or column.
    #[schemars(length(min = 1, max = 128))]
    pub value: Option<String>,
    /// Names for what the vendor writes, such as ids of queues: `{1f0c6a52: Billing}`. Not for metrics.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "names")]
    pub names: BTreeMap<String, String>,
    /// How a value that is not in `names` is handled.
    #[schemars(extend("description" = "How a value that is not in `names` is handled: Keep, or Reject, which sets the row aside. Default Keep."))]
    pub otherwise: Option<Otherwise>,
}

/// The schema of names for values: at most 500.
fn names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 128},
        "maxProperties": 500,
    })
}

/// The same for the values of `each`, of which there are fewer.
pub(super) fn names_of_each(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 128},
        "maxProperties": 100,
    })
}

/// A level above the rows of a JSON document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Parent {
    /// Name by which `in` refers to this level, such as queue.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// JSONPath of its items, relative to the parent before it.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
}

/// Where a measure's number comes from: `path` (JSON, XML), `column` (tables), `metric` (OpenMetrics) or `query` (Prometheus).
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasureMapping {
    /// Name of the measure, such as offered or answeredWithin.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// JSONPath of the number, relative to the row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: Option<String>,
    /// Name of the parent where `path` starts. Default: the row.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 63))]
    pub within: Option<String>,
    /// Name of the column that holds the number.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// Numbers that are added up, instead of `path` or `column`. Where one is missing the measure is, too. Not for metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub sum: Vec<Summand>,
    /// How many records meet conditions, instead of `path`, `column` or `sum`: `count: {}` counts all. Needs `records`.
    pub count: Option<Count>,
    /// What no value in a row means.
    #[schemars(extend("description" = "What no value in a row that is there means: Missing, or Zero where the vendor leaves out what is 0. An explicit null is always missing. Not for metrics. Default Missing."))]
    pub absent: Option<Absent>,
    /// Name of the metric in the scrape, such as calls_total.
    #[schemars(length(min = 1, max = 253))]
    pub metric: Option<String>,
    /// PromQL query whose values are the measure, such as `sum by (queue) (increase(calls_total[30m]))`.
    #[schemars(length(min = 1, max = 1024))]
    pub query: Option<String>,
    /// True: the metric is a stock (a level), not a counter. Default false.
    pub stock: Option<bool>,
    /// The unit in which the vendor writes it. Default Count.
    #[schemars(extend("description" = "The unit in which the vendor writes it: Milliseconds, Seconds, Minutes, ClockTime (`0:02:14`), IsoDuration (`PT2M14S`), Fraction (0.94), Percent (94), PercentText (`94.01%`), BasisPoints (9401), Days (0.0015, as spreadsheets write times) or Count. Times become seconds, shares become counts by `of`. Default Count."))]
    pub unit: Option<MeasureUnit>,
    /// The measure by which a percentage or mean becomes a count or a sum: its volume.
    #[schemars(length(min = 1, max = 63))]
    pub of: Option<String>,
}

/// The unit in which a vendor writes a number: Milliseconds, Seconds, Minutes, ClockTime (`0:02:14`), IsoDuration (`PT2M14S`),
/// Fraction (0.94), Percent (94), PercentText (`94.01%`), BasisPoints (9401), Count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum MeasureUnit {
    Milliseconds,
    Seconds,
    Minutes,
    ClockTime,
    IsoDuration,
    Fraction,
    Percent,
    PercentText,
    BasisPoints,
    Count,
    Days,
}

/// How the characters of a text are encoded: Utf8, Utf16 or Windows1252.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TextEncoding {
    Utf8,
    Utf16,
    Windows1252,
}

/// What a line means that ends before the columns of the mapping do: Absent or Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ShortLines {
    Absent,
    Reject,
}

/// Whether a last line without an end is a line: Any or Whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum LastLine {
    Any,
    Whole,
}

/// Where the names of a table's columns are: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = crate::api::rules::one_of(&["row", "find", "names"], "; leave `header` out for the first line"))]
pub struct TableHeader {
    /// The number of the line or row that holds them, from 1.
    #[schemars(range(min = 1, max = 1001))]
    pub row: Option<i64>,
    /// The first line, of the first 1,000, that has a field with this text, such as Queue.
    #[schemars(length(min = 1, max = 253))]
    pub find: Option<String>,
    /// The names themselves, in order, where no line holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub names: Vec<String>,
}

/// A table: a CSV export, a sheet of a workbook, or a list of lists in JSON.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::label_members("column", &["path", "label", "in"]))]
#[x_kube(validation = crate::api::rules::summed_members("column", &["path", "metric", "query", "stock", "in"]))]
#[x_kube(validation = crate::api::rules::condition_members("column", "path"))]
#[x_kube(validation = (
    "[has(self.start), has(self.time), has(self.records)].filter(x, x).size() == 1",
    "write exactly one of start, time, records"
))]
#[x_kube(validation = (
    "!has(self.skipLines) || !has(self.header)",
    "skipLines is the number of lines before the header: write header or skipLines, not both"
))]
pub struct TableFormat {
    /// One character between fields. Default `,`.
    #[schemars(length(min = 1, max = 1))]
    #[x_kube(validation = (r"self.matches('^[\\t !#-~]$')", "write one character such as , or ; or | or a tab"))]
    pub delimiter: Option<String>,
    /// Lines before the header. Default 0.
    #[schemars(range(min = 0, max = 1000))]
    pub skip_lines: Option<i64>,
    /// Where the names of the columns are, instead of in the first line: one of row, find, names.
    pub header: Option<TableHeader>,
    /// Lines after the header that are not rows, such as explanations. Default 0.
    #[schemars(range(min = 0, max = 1000))]
    pub skip_after: Option<i64>,
    /// What a line means that ends before the columns of the mapping do.
    #[schemars(extend("description" = "What a line means that ends before the columns of the mapping do: Reject sets it aside as cut short, Absent takes what it lacks as missing. Default Reject; in a workbook Absent, since it leaves out empty cells."))]
    pub short_lines: Option<ShortLines>,
    /// Whether a last line that has no line break at its end is a line.
    #[schemars(extend("description" = "Whether a last line that has no line break at its end is a line: Any, or Whole for files that are still being written, whose last line may be cut. csv only. Default Any."))]
    pub last_line: Option<LastLine>,
    /// How the characters are encoded.
    #[schemars(extend("description" = "How the characters are encoded: Utf8, Utf16 or Windows1252. A byte-order mark says so itself. csv only. Default Utf8."))]
    pub encoding: Option<TextEncoding>,
    /// JSONPath of a text inside an answer in JSON or XML that holds the table, such as `$.data`. csv only. Default: the answer itself.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub text: Option<String>,
    /// Name of the sheet. xlsx only. Default: the first one.
    #[schemars(length(min = 1, max = 31))]
    pub sheet: Option<String>,
    /// JSONPath of the list of lists, such as `$.rows`. arrays only.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub rows: Option<String>,
    /// Where a row's start is. Write exactly one of start, time, records.
    pub start: Option<TableTime>,
    /// Where a row's end is. Default: the start plus `cadence`.
    pub end: Option<TableTime>,
    /// What is used as a row's interval.
    #[schemars(extend("description" = "Window: the answer says no time; each request asks for one slot of the feed's cadence, which is the interval of its rows. Default: start."))]
    pub time: Option<RowTime>,
    /// Each line is a record, such as a call, and rows are counted from them.
    pub records: Option<TableRecords>,
    /// Which lines count: all conditions must hold. Default: all lines. Pages are counted before.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<Condition>,
    /// IANA zone of local times without an offset. Default: the contract's.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = crate::api::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
    /// Labels of a row, each with the place of its value, such as queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
    /// Measures of a row, each with the place of its number, such as offered.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// True: numbers are written `1.234,5`. Default false.
    pub decimal_comma: Option<bool>,
    /// Lines that are not rows, such as totals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub skip_rows: Vec<TableSkip>,
}

/// A time in a CSV line.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TableTime {
    /// Columns that hold the time, joined with one space.
    #[schemars(length(min = 1, max = 4), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub columns: Vec<String>,
    /// strftime format of the joined text, or Serial for days since 1900 as spreadsheets count them, whose columns are added up.
    /// Default: RFC 3339; in a workbook also its own dates and times.
    #[schemars(length(min = 1, max = 64))]
    pub format: Option<String>,
}

/// A line to leave out.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["equals", "startsWith"], ""))]
pub struct TableSkip {
    /// The column that is looked at.
    #[schemars(length(min = 1, max = 253))]
    pub column: String,
    /// The text at which the line is left out.
    #[schemars(length(max = 128))]
    pub equals: Option<String>,
    /// The beginning of the texts at which the line is left out, such as `Total`.
    #[schemars(length(min = 1, max = 128))]
    pub starts_with: Option<String>,
}

/// The OpenMetrics or Prometheus text format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = crate::api::rules::label_members("label", &["path", "column", "in", "names", "otherwise"]))]
#[x_kube(validation = crate::api::rules::measure_members("metric", &["path", "column", "query", "in", "sum", "count", "absent"]))]
pub struct OpenMetricsFormat {
    /// Measures and the metrics that hold them.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// Labels of a row and the sample labels that hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
}

/// Range queries against the Prometheus HTTP API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = crate::api::rules::label_members("label", &["path", "column", "in", "names", "otherwise"]))]
#[x_kube(validation = crate::api::rules::measure_members("query", &["path", "column", "metric", "in", "sum", "count", "absent"]))]
pub struct PrometheusFormat {
    /// Measures and the queries that give them.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// Labels of a row and the series labels that hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
}
