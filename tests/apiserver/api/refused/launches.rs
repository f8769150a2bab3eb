//! CampaignLaunches that the server refuses.

use super::Case;

pub(super) const LAUNCH: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {name: winter}
spec:
  contractRefs: [{name: acme-care}]
  product: Fibre
  launchAt: 2026-11-30T08:00:00Z
";

pub(super) const LAUNCH_CASES: &[Case] = &[
    ("contractRefs: []", "contractRefs"),
    ("contractRefs: [{name: a}, {name: a}]", "name each contract once"),
    ("launchAt: 2026-11-30", "launchAt"),
    ("endsAt: 2026-11-30T08:00:00Z", "write an `endsAt` that is later than `launchAt`"),
    ("channels: [{name: a, type: Email}]", "write `volume` with `responsePercent`, or `expectedContacts`"),
    ("channels: [{name: a, type: Email, volume: 100}]", "write `volume` with `responsePercent`, or `expectedContacts`"),
    (
        "channels: [{name: a, type: Email, volume: 100, responsePercent: 1, expectedContacts: 1}]",
        "write `volume` with `responsePercent`, or `expectedContacts`",
    ),
    (
        "channels: [{name: a, type: Email, expectedContacts: 1, at: 2026-11-29T08:00:00Z}]",
        "write a later `at`, or an earlier `launchAt`",
    ),
    (
        "{endsAt: 2026-12-31T00:00:00Z, channels: [{name: a, type: Email, expectedContacts: 1, at: 2027-01-01T00:00:00Z}]}",
        "write an `at` before `endsAt`",
    ),
    ("channels: [{name: a, type: Email, expectedContacts: 1, dayShares: [50, 40]}]", "add up to 100"),
    ("channels: [{name: a, type: Email, expectedContacts: 1, dayShares: [150, -50]}]", "dayShares"),
    ("channels: [{name: a, type: Fax, expectedContacts: 1}]", "supported values"),
    ("staffing: {}", "write how long one contact takes"),
    ("staffing: {model: ErlangA, handleTime: 240s}", "ErlangA needs `patience`"),
    ("staffing: {handleTime: 0s}", "write a time that is longer than 0"),
    ("staffing: {handleTime: 240s, interval: 7m}", "write a part of 24h from 1m on"),
    ("staffing: {handleTime: 240s, shrinkagePercent: 100}", "write a shrinkage below 100"),
    ("staffing: {handleTime: 240s, maxOccupancyPercent: 0}", "write an occupancy above 0"),
    ("staffing: {handleTime: 240s, serviceLevel: {percent: 100, within: 20s}}", "less than 100 percent"),
    ("staffing: {handleTime: 240s, scheduled: {feed: wfm}}", "write `feed` with `measure`, or `agents`"),
    (
        "staffing: {handleTime: 240s, scheduled: {feed: wfm, measure: a, agents: 2}}",
        "write `feed` with `measure`, or `agents`",
    ),
    ("gates: [{name: a, type: Custom}]", "due"),
    (
        "gates: [{name: a, type: Training, due: 3d, signOffs: [{party: Service, by: sam, signedOn: 2026-10-30}]}]",
        "signOffs belongs to type JointPlan",
    ),
    ("gates: [{name: a, type: Training, due: 3d, coveragePercent: 90}]", "coveragePercent belongs to type Staffing"),
    ("gates: [{name: a, type: Staffing, due: 3d, modules: [{name: Faq}]}]", "modules belongs to type Training"),
    (
        "gates: [{name: a, type: Custom, due: 3d, changedAt: 2026-11-20T10:00:00Z}]",
        "changedAt belongs to type IvrRouting and EndToEndTest",
    ),
    ("gates: [{name: a, type: Custom, due: 3d, validFor: 7d}]", "validFor belongs to type IvrRouting and EndToEndTest"),
    ("gates: [{name: a, type: Custom, due: 3d, firstReview: 2026-12-01}]", "firstReview belongs to type FeedbackLoop"),
    (
        "gates: [{name: a, type: Custom, due: 3d, check: {feed: qa}}]",
        "write `kpi`, or `feed` with `measure` and `atLeast`",
    ),
    (
        "gates: [{name: a, type: Custom, due: 3d, check: {kpi: k, feed: qa, measure: m, atLeast: 1}}]",
        "write `kpi`, or `feed` with `measure` and `atLeast`",
    ),
    ("survey: {conduct: true, marginOfErrorPercent: 0}", "write a margin above 0"),
    (
        "cohorts: {feed: acd, label: script, numerator: sales, denominator: sales, plannedPerCohort: 5}",
        "write successes as `numerator`",
    ),
    ("watch: {campaignLabel: {a: b, c: d}}", "campaignLabel"),
];
