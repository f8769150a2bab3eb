//! The chart: what the real helm renders from it, and what a real API server makes of that.

mod gitops;
mod helm;
mod installing;
mod rendering;
mod rights;
mod values;
