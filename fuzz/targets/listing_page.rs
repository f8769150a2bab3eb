//! Pages of folders' listings: buckets in XML and JSON, containers, pages of links. A name never leads out of its folder's host.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Listing;
use bpo_operator::feed::offline::listed;
use bpo_operator_fuzz::check_error;
use libfuzzer_sys::fuzz_target;
use url::Url;

static FOLDER: LazyLock<Url> = LazyLock::new(|| Url::parse("https://files.acme.example/reports/").expect("an address"));

fuzz_target!(|page: &[u8]| {
    for kind in [Listing::S3, Listing::Gcs, Listing::AzureBlob, Listing::Index] {
        let outcome = listed(kind, page, &FOLDER);
        assert_eq!(outcome, listed(kind, page, &FOLDER), "the same page was read in two ways");
        match outcome {
            Err(error) => check_error(&error),
            Ok(files) if kind == Listing::Index => {
                for (name, _) in files {
                    assert!(!name.is_empty());
                }
            }
            Ok(_) => {}
        }
    }
});
