//! What the tests, the benchmarks and the demo run the operator against: real servers, and a vendor that can fail on demand.
//!
//! It knows nothing of the operator's code. A test that meets the unexpected stops, so what is here may stop too.

pub mod controlplane;
pub mod debian;
pub mod image;
pub mod kept_server;
pub mod mail_server;
pub mod ports;
pub mod postgres_server;
pub mod receiver;
pub mod vendor;
