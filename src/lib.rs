//! bpo-operator: business-process-outsourcing contracts and their SLAs as Kubernetes resources.

pub mod api;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controller;
pub mod domain;
pub mod evidence;
pub mod feed;
pub mod web;
