//! Files that a vendor puts into a folder: a bucket, a container, or a page of links.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Duration;

/// The files of a folder, which is listed at `url`. Each file whose name fits is read once, in the order of the times in the names, and
/// again when its size or ETag changes; of two that say something else of the same time the one with the later time in its name counts.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.prefix) || !(self.list in ['Index', 'Sftp'])",
    "prefix belongs to list: S3, Gcs and AzureBlob; a page of links and a folder of SFTP are one folder by themselves"
))]
pub struct FeedFiles {
    /// How the folder is listed.
    #[schemars(extend("description" = "How the folder is listed: S3 (ListObjectsV2, also of other stores that answer like it), Gcs (Google Cloud Storage, by the address of the bucket or of its JSON interface), AzureBlob (List Blobs), Index (a page with links, as Apache and nginx make it), or Sftp (a folder of an SSH server, with `url: sftp://HOST/FOLDER/` and `auth.sshKey`)."))]
    pub list: Listing,
    /// What the names in the bucket begin with, such as `reports/queue30/`. Not of Index and Sftp. Default: nothing.
    #[schemars(length(min = 1, max = 512))]
    pub prefix: Option<String>,
    /// What follows the prefix in the names of the files that are read, with the time in it as a strftime pattern:
    /// `Queue half hours-{made:%Y-%m-%dT%H:%M:%SZ}.csv`. Other files are passed over.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = (
        r"self.matches('^[^{}]*\\{made:[^{}]*%[^{}]*\\}[^{}]*$')",
        "write a name with one {made:…} and a strftime pattern in it, such as calls-{made:%Y%m%d-%H%M}.csv"
    ))]
    pub name: String,
    /// IANA zone of the times in the names, whatever letter follows them. Default UTC.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = crate::api::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
    /// How long ago a file must have been changed for the last time, so that it is not read while it is written. Default 1m.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    pub minimum_age: Option<Duration>,
}

/// How a folder is listed: S3, Gcs, AzureBlob, Index or Sftp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Listing {
    S3,
    Gcs,
    AzureBlob,
    Index,
    Sftp,
}
