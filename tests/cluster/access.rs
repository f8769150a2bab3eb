//! A feed that needs a token and an authority of certificates, so that the operator reads a Secret and a ConfigMap for it; and the tier
//! and the launch of its contract `care`.

/// What the vendor asks of each request.
pub(crate) const TOKEN: &str = "the-vendor-s-token";
/// How the feed names the Secret.
pub(crate) const AUTH: &str = "auth: {bearer: {tokenSecretRef: {name: vendor, key: token}}}";
/// How the feed names the ConfigMap.
pub(crate) const TLS: &str = "tls: {caRef: {configMapRef: {name: authorities, key: ca.pem}}}";

/// The Secret and the ConfigMap, the tier `gold` and the launch `spring`.
pub(crate) fn objects() -> String {
    let authority = rcgen::generate_simple_self_signed(["vendor.example".to_owned()]).unwrap().cert.pem();
    let authority = authority.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{name: vendor, annotations: {{bpo-operator.io/allowed-hosts: 127.0.0.1}}}}
stringData: {{token: {TOKEN}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: authorities}}
data:
  ca.pem: |
{authority}---
apiVersion: bpo-operator.io/v1alpha1
kind: ServiceTier
metadata: {{name: gold}}
spec: {{rank: 1}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {{name: spring}}
spec:
  contractRefs: [{{name: care}}]
  product: Sports package
  launchAt: 2026-03-30T08:00:00Z
  gates: [{{name: voice, type: VoiceOfCustomer, due: 7d}}]
"
    )
}
