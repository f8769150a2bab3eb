//! How a feed's further pages are asked for.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How further pages are asked for: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["cursor", "nextUrl", "linkHeader", "pageNumber", "offset"], ""))]
#[x_kube(validation = (
    "!(has(self.more) || has(self.enough)) || has(self.cursor) || has(self.nextUrl) || has(self.linkHeader)",
    "`more` and `enough` belong to cursor, nextUrl and linkHeader: take them away"
))]
pub struct Pagination {
    /// A cursor in the answer becomes a parameter of the next request.
    pub cursor: Option<CursorPagination>,
    /// The answer holds the next page's address, on the same host or one that each Secret lists.
    pub next_url: Option<NextUrlPagination>,
    /// The header `Link` with `rel="next"`, on a host as for nextUrl.
    pub link_header: Option<LinkHeaderPagination>,
    /// A page number, until a page is empty.
    pub page_number: Option<PageNumberPagination>,
    /// An offset and a limit, until a page is short.
    pub offset: Option<OffsetPagination>,
    /// What says that there is another page: without it, its cursor or address is not followed. Default: a cursor or
    /// address in the answer.
    pub more: Option<MorePages>,
    /// What says that there are no more pages, whatever cursor or address is there: a number that is small enough.
    pub enough: Option<EnoughRows>,
    /// JSONPath of the number of rows that there are in all: where fewer or more came, the fetch fails.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub total: Option<String>,
    /// How many rows one request with all its pages returns at most, such as 10000: that count is not taken for an answer, and the window is
    /// halved until fewer come.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub limit: Option<i64>,
    /// How many pages one fetch may have. Default 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_pages: Option<i64>,
}

/// A flag in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct MorePages {
    /// JSONPath of the flag: true says that there is another page; false, null or nothing that there is none.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
}

/// A number in the answer that ends the pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnoughRows {
    /// JSONPath of the number, such as `$.count` of the rows on the page.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
    /// The page is the last where the number is at most this one.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub at_most: i64,
}

/// Where a cursor is written: Query, Body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CursorPlace {
    Query,
    Body,
}

/// A cursor in the answer.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "(has(self.__in__) && self.__in__ == 'Body') != has(self.parameter)",
    "write `parameter` for a cursor in the query, and `in: Body` without it for one that is written as {cursor} in the body"
))]
pub struct CursorPagination {
    /// JSONPath of the cursor; absent, null or empty at the end.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
    /// The parameter that carries it, in the query.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: Option<String>,
    /// Where it is written.
    #[serde(rename = "in")]
    #[schemars(extend("description" = "Where it is written: Query, or Body, where the placeholder is {cursor}. Default Query."))]
    pub place: Option<CursorPlace>,
    /// The cursor of the first page, such as NA. Default: the first request has none.
    #[schemars(length(min = 1, max = 253))]
    pub first: Option<String>,
}

/// The next page's address in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct NextUrlPagination {
    /// JSONPath of the address; absent, null or empty at the end.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
}

/// The header `Link`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct LinkHeaderPagination {}

/// Page numbers.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PageNumberPagination {
    /// The parameter that carries the number.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: String,
    /// The first page's number. Default 1.
    #[schemars(range(min = 0, max = 1))]
    pub first: Option<i64>,
}

/// Offset and limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OffsetPagination {
    /// The parameter that carries the offset.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: String,
    /// The parameter that carries the limit.
    #[schemars(length(min = 1, max = 63))]
    pub limit_parameter: String,
    /// How many rows one page has at most, as the vendor counts them, such as 500.
    #[schemars(range(min = 1, max = 100_000))]
    pub limit: i64,
}
