//! Feeds that a vendor pushes.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::SecretKeyReference;

/// Figures that the vendor pushes, in the feed's own format, to `POST /v1/inbox/NAMESPACE/CONTRACT/FEED` of the operator's inbox
/// (`--inbox-listen`). Each push is an answer as of a fetch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedInbox {
    /// The Secret that holds the token which each push carries as `Authorization: Bearer`, of 16 characters at least. It needs the
    /// annotation `bpo-operator.io/inbox: "true"`.
    pub token_secret_ref: SecretKeyReference,
}
