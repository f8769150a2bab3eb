//! The kinds of `bpo-operator.io/v1alpha1`, one file each: what users write and what the operator answers.
//!
//! Only shapes live here: serde, schema, CEL rules and the descriptions that `kubectl explain` prints. No decision is
//! made in this folder, and nothing in it reads a clock, a network or a file.

#![allow(rustdoc::bare_urls, reason = "descriptions are what `kubectl explain` prints")]
#![allow(unreachable_pub, reason = "KubeSchema repeats each `pub struct` inside a function, where nothing reaches it")]

pub mod basis;
pub mod campaign_launch;
pub mod condition;
pub mod consequence;
pub mod cross_check;
pub mod dispute;
pub mod feed;
pub mod kpi_target;
pub mod made_of;
pub mod packed;
pub mod period;
pub mod rules;
pub mod scalar;
pub mod schema;
pub mod service_tier;
pub mod shared;
pub mod sla_report;
pub mod tally;
pub mod vendor_contract;
pub mod verdict;
mod wording;
mod written;

pub use campaign_launch::{CampaignLaunch, CampaignLaunchSpec, CampaignLaunchStatus};
pub use kpi_target::{KpiTarget, KpiTargetSpec, KpiTargetStatus};
pub use packed::Packed;
pub use service_tier::{ServiceTier, ServiceTierSpec, ServiceTierStatus};
pub use shared::Shared;
pub use sla_report::{SlaReport, SlaReportSpec, SlaReportStatus};
pub use vendor_contract::{VendorContract, VendorContractSpec, VendorContractStatus};

/// The API group of every kind.
pub const GROUP: &str = "bpo-operator.io";
/// The version of every kind.
pub const VERSION: &str = "v1alpha1";
/// The annotation by which the owner of a Secret says to which hosts (comma-separated) it may be sent.
pub const ALLOWED_HOSTS_ANNOTATION: &str = "bpo-operator.io/allowed-hosts";
/// The annotation by which the owner of a Secret says that the operator may replace a refresh token in it: `true`.
pub const ROTATE_ANNOTATION: &str = "bpo-operator.io/rotate";
/// Of a Secret: "true" where one of its keys is the token of an inbox.
pub const INBOX_ANNOTATION: &str = "bpo-operator.io/inbox";
/// Says on a VendorContract who has acknowledged its escalation and when: `NAME at INSTANT`.
pub const ACKNOWLEDGED_ANNOTATION: &str = "bpo-operator.io/acknowledged";
/// Asks on a VendorContract for a test message to one of its alerts: `ALERT at INSTANT`.
pub const ALERT_TEST_ANNOTATION: &str = "bpo-operator.io/alert-test";
/// Names on a VendorContract the UID of a contract that is gone, of the same namespace and name, whose evidence it goes on with.
pub const EVIDENCE_OF_ANNOTATION: &str = "bpo-operator.io/evidence-of";
/// Asks on a VendorContract for a fetch of a feed now: `FEED at INSTANT`, or `* at INSTANT` for all its feeds.
pub const FETCH_ANNOTATION: &str = "bpo-operator.io/fetch";
/// Says on a VendorContract that the rows which a Final report rests on are lost for good: `REPORT by NAME at INSTANT`.
pub const LOSS_ACCEPTED_ANNOTATION: &str = "bpo-operator.io/loss-accepted";
/// Asks for a look at an object now, by a text that is another one each time, such as the instant: `status.lastHandledRequest` repeats it.
pub const REQUESTED_AT_ANNOTATION: &str = "bpo-operator.io/requested-at";
/// How many characters of that text count.
pub const LONGEST_REQUEST: usize = 64;
/// The label of a namespace, with the value `true`, in which rehearsals alone work: operators on a rehearsal clock.
pub const REHEARSAL_LABEL: &str = "bpo-operator.io/rehearsal";
/// The label of an SlaReport that names its contract.
pub const CONTRACT_LABEL: &str = "bpo-operator.io/contract";
/// The label of an SlaReport that holds the UID of its contract: it separates contracts of one name.
pub const CONTRACT_UID_LABEL: &str = "bpo-operator.io/contract-uid";
/// The annotation by which an SlaReport says that it was written on a rehearsal clock.
pub const CLOCK_ANNOTATION: &str = "bpo-operator.io/clock";
