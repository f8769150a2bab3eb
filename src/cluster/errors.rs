//! What the API server, or the way to it, said, in a sentence for people.

use std::error::Error;

use kube::core::Status;
use kube::runtime::watcher;

/// The error in words: who may not do what and where, or what the server said.
pub fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => refusal(status),
        kube::Error::Service(cause) => format!("no connection: {}", deepest(&**cause)),
        kube::Error::HyperError(cause) => format!("the connection broke: {}", deepest(cause)),
        kube::Error::SerdeError(cause) => format!("its answer cannot be read: {cause}"),
        other => deepest(other),
    }
}

/// The error of a watch in words.
pub fn watch_words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => words(error),
        watcher::Error::WatchError(status) => refusal(status),
        other => other.to_string(),
    }
}

fn refusal(status: &Status) -> String {
    let said = if status.message.is_empty() { &status.reason } else { &status.message };
    match status.code {
        401 => format!("it does not know who you are ({said}): log in again, or see what `kubectl auth whoami` says"),
        403 => Denial::read(said).map_or_else(|| format!("it refuses this: {said}"), |denial| denial.sentence()),
        code if said.is_empty() => format!("it answers with status {code}"),
        _ => said.clone(),
    }
}

/// What RBAC denies, as the API server writes it.
struct Denial<'a> {
    user: &'a str,
    verb: &'a str,
    resource: String,
    /// `None`: in all namespaces, or of what is in none.
    namespace: Option<&'a str>,
}

impl<'a> Denial<'a> {
    /// Reads `… is forbidden: User "U" cannot V resource "R" in API group "G" in the namespace "N"`; `None` where it is written otherwise.
    fn read(text: &'a str) -> Option<Self> {
        let quoted = |text: &'a str, before: &str| text.split_once(before)?.1.split_once('"');
        let (user, rest) = quoted(text, "User \"")?;
        let (verb, rest) = rest.trim_start().strip_prefix("cannot ")?.split_once(' ')?;
        let (resource, rest) = quoted(rest, "resource \"")?;
        let group = quoted(rest, "in API group \"").map_or("", |(group, _)| group);
        let namespace = quoted(rest, "in the namespace \"").map(|(namespace, _)| namespace);
        let resource = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        Some(Denial { user, verb, resource, namespace })
    }

    fn sentence(&self) -> String {
        let Denial { user, verb, resource, namespace } = self;
        let place = namespace.map_or_else(|| "in the whole cluster".to_owned(), |name| format!("in namespace {name}"));
        format!("{user} may not {verb} {resource} {place}{}", self.help())
    }

    /// Which role grants it, and the command by which an administrator does.
    fn help(&self) -> String {
        let reads = ["get", "list", "watch"].contains(&self.verb);
        let role = match self.resource.as_str() {
            resource if resource.starts_with("slareports.") && !reads => {
                return ": nobody but the operator writes SlaReports".to_owned();
            }
            resource if resource.ends_with(".bpo-operator.io") => {
                if reads {
                    "view"
                } else {
                    "edit"
                }
            }
            "pods" => "view",
            "pods/exec" | "secrets" => "edit",
            _ => return "; ask an administrator of the cluster for a role that grants it".to_owned(),
        };
        let (kind, place) = match self.namespace {
            Some(namespace) => ("rolebinding", format!(" --namespace={namespace}")),
            None => ("clusterrolebinding", String::new()),
        };
        let whom = match self.user.strip_prefix("system:serviceaccount:") {
            Some(account) => format!("--serviceaccount={account}"),
            None => format!("--user={}", self.user),
        };
        format!("; the role {role} grants it: kubectl create {kind} bpo-{role} --clusterrole={role} {whom}{place}")
    }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, message: &str) -> String {
        words(&kube::Error::Api(Status { code, message: message.to_owned(), ..Status::default() }.boxed()))
    }

    #[test]
    fn a_refusal_says_who_may_not_do_what_where_and_which_role_helps() {
        let cases = [
            (
                r#"vendorcontracts.bpo-operator.io "acme" is forbidden: User "jane" cannot get resource "vendorcontracts" in API group "bpo-operator.io" in the namespace "cx""#,
                "jane may not get vendorcontracts.bpo-operator.io in namespace cx; the role view grants it: kubectl create rolebinding bpo-view --clusterrole=view --user=jane --namespace=cx",
            ),
            (
                r#"kpitargets.bpo-operator.io is forbidden: User "jane" cannot list resource "kpitargets" in API group "bpo-operator.io" at the cluster scope"#,
                "jane may not list kpitargets.bpo-operator.io in the whole cluster; the role view grants it: kubectl create clusterrolebinding bpo-view --clusterrole=view --user=jane",
            ),
            (
                r#"vendorcontracts.bpo-operator.io "acme" is forbidden: User "system:serviceaccount:ci:deployer" cannot patch resource "vendorcontracts" in API group "bpo-operator.io" in the namespace "cx""#,
                "system:serviceaccount:ci:deployer may not patch vendorcontracts.bpo-operator.io in namespace cx; the role edit grants it: kubectl create rolebinding bpo-edit --clusterrole=edit --serviceaccount=ci:deployer --namespace=cx",
            ),
            (
                r#"slareports.bpo-operator.io "r" is forbidden: User "jane" cannot patch resource "slareports" in API group "bpo-operator.io" in the namespace "cx""#,
                "jane may not patch slareports.bpo-operator.io in namespace cx: nobody but the operator writes SlaReports",
            ),
            (
                r#"leases.coordination.k8s.io "bpo-operator" is forbidden: User "jane" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "default""#,
                "jane may not get leases.coordination.k8s.io in namespace default; ask an administrator of the cluster for a role that grants it",
            ),
            (
                r#"secrets "token" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "cx""#,
                "jane may not get secrets in namespace cx; the role edit grants it: kubectl create rolebinding bpo-edit --clusterrole=edit --user=jane --namespace=cx",
            ),
            ("a policy says no", "it refuses this: a policy says no"),
        ];
        for (message, expected) in cases {
            assert_eq!(said(403, message), expected);
        }
    }

    #[test]
    fn no_answer_of_the_server_is_shown_as_the_program_holds_it() {
        for (code, message, expected) in [
            (401, "Unauthorized", "it does not know who you are (Unauthorized): log in again"),
            (404, "the server could not find the requested resource", "the server could not find"),
            (409, "the object has been modified", "the object has been modified"),
            (422, "spec.term: Invalid value", "spec.term: Invalid value"),
            (500, "", "it answers with status 500"),
        ] {
            let shown = said(code, message);
            assert!(shown.starts_with(expected) && !shown.contains("Status {"), "{shown}");
        }
    }
}
