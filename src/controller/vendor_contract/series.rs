//! What metrics show of a contract.

use jiff::Timestamp;

use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::api::vendor_contract::{FeedStatus, VendorContractStatus};
use crate::domain::decision::conditions::status_of;
use crate::domain::decision::contract::compliant;
use crate::domain::judgement::outcome::Judgement;
use crate::web::metrics::{ContractLabels, ContractSeries, FeedLabels};

pub(super) fn series(
    namespace: &str,
    contract: &str,
    status: &VendorContractStatus,
    judgement: Option<&Judgement>,
) -> ContractSeries {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
    let last = status.last.as_ref();
    let labels = |feed: &FeedStatus| FeedLabels {
        namespace: namespace.to_owned(),
        contract: contract.to_owned(),
        feed: feed.name.clone(),
    };
    let seconds = |instant: Timestamp| instant.as_second() as f64;
    let watermark = |feed: &FeedStatus| Some((labels(feed), seconds(feed.watermark?)));
    // A suspended feed is not waited for.
    let waited = status.feeds.iter().filter(|feed| feed.reason != Reason::Suspended.as_str());
    let due = |feed: &FeedStatus| Some((labels(feed), seconds(judgement?.feeds.get(&feed.name)?.late_at?)));
    ContractSeries {
        labels: ContractLabels { namespace: namespace.to_owned(), contract: contract.to_owned() },
        score: last.and_then(|last| number(&last.score)),
        credit: last.and_then(|last| Some((last.state.to_string(), number(&last.credit)?))),
        compliant: compliant(status),
        consistent: status_of(&status.conditions, ConditionType::Consistent)
            .map(|status| status == ConditionStatus::True),
        watermarks: status.feeds.iter().filter_map(watermark).collect(),
        due: waited.filter_map(due).collect(),
    }
}
