//! bpo-operator: business-process-outsourcing contracts and their SLAs as Kubernetes resources.

pub mod api;
pub mod clock;
pub mod domain;
pub mod evidence;
pub mod feed;
