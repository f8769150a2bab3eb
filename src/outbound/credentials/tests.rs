use super::*;
use std::sync::Mutex;

/// Secrets and ConfigMaps in memory.
#[derive(Default)]
pub(crate) struct MemorySource {
    pub(crate) secrets: Mutex<BTreeMap<(String, String), SecretData>>,
    pub(crate) config_maps: Mutex<BTreeMap<(String, String), BTreeMap<String, String>>>,
}

impl MemorySource {
    pub(crate) fn annotate(&self, namespace: &str, name: &str, annotation: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let secret = secrets.get_mut(&(namespace.to_owned(), name.to_owned())).unwrap();
        secret.annotations.insert(annotation.to_owned(), "true".to_owned());
    }

    pub(crate) fn value(&self, namespace: &str, name: &str, key: &str) -> String {
        let secrets = self.secrets.lock().unwrap();
        let secret = &secrets[&(namespace.to_owned(), name.to_owned())];
        String::from_utf8(secret.data[key].reveal().to_vec()).unwrap()
    }

    pub(crate) fn put(&self, namespace: &str, name: &str, hosts: &str, values: &[(&str, &str)]) {
        let data = values.iter().map(|(key, value)| ((*key).to_owned(), SecretValue::new(*value))).collect();
        let annotations = [(ALLOWED_HOSTS_ANNOTATION.to_owned(), hosts.to_owned())].into();
        let secret = SecretData { annotations, data };
        self.secrets.lock().unwrap().insert((namespace.to_owned(), name.to_owned()), secret);
    }
}

impl CredentialSource for MemorySource {
    fn replace<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        key: &'a str,
        old: &'a SecretValue,
        new: &'a SecretValue,
    ) -> BoxFuture<'a, Result<(), CredentialError>> {
        let mut secrets = self.secrets.lock().unwrap();
        let secret = secrets.get_mut(&(namespace.to_owned(), name.to_owned())).unwrap();
        let known = secret.data.insert(key.to_owned(), new.clone()).unwrap();
        assert_eq!(known.reveal(), old.reveal(), "only the token that was used is replaced");
        Box::pin(async { Ok(()) })
    }

    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>> {
        let found = self.secrets.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned();
        Box::pin(async move { found.ok_or(CredentialError::NotFound) })
    }

    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, CredentialError>> {
        let found = self.config_maps.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned();
        Box::pin(async move { found.ok_or(CredentialError::NotFound) })
    }
}

fn feed(auth: &str) -> Feed {
    serde_json::from_str(&format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1",{auth}}}"#)).unwrap()
}

#[tokio::test]
async fn secrets_are_read_from_the_own_namespace_and_only_for_hosts_that_their_owner_lists() {
    let source = MemorySource::default();
    source.put("team", "good", "feeds.acme.example", &[("token", "canary-1\n"), ("empty", " \n"), ("user", "u")]);
    source.put("team", "elsewhere", "other.example, sso.example", &[("token", "canary-2")]);
    source.put("team", "both", "feeds.acme.example, sso.example", &[("token", "canary-4")]);
    source.put("stranger", "theirs", "feeds.acme.example", &[("token", "canary-3")]);
    let user = [("username", "acme"), ("password", "canary-5")];
    source.put("team", "unkeyed", "feeds.acme.example", &user);
    source.put("team", "sftp", "feeds.acme.example", &[&user[..], &[("known_hosts", "ssh-ed25519 AAAA")]].concat());
    let hosts = BTreeMap::from([("acme".to_owned(), "ssh-ed25519 AAAA".to_owned())]);
    source.config_maps.lock().unwrap().insert(("team".to_owned(), "hosts".to_owned()), hosts);
    let ssh = |name: &str, more: &str| format!(r#""auth":{{"sshKey":{{"secretRef":{{"name":"{name}"}}{more}}}}}"#);
    let bearer = |name: &str, key: &str| {
        format!(r#""auth":{{"bearer":{{"tokenSecretRef":{{"name":"{name}","key":"{key}"}}}}}}"#)
    };
    let oauth = |name: &str| {
        format!(
            r#""auth":{{"oauth2":{{"tokenUrl":"https://sso.example/token","clientIdSecretRef":{{"name":"{name}","key":"token"}},
            "clientSecretSecretRef":{{"name":"{name}","key":"token"}}}}}}"#
        )
    };
    let cases = [
        (bearer("good", "token"), None),
        (bearer("good", "nothing"), Some(FailureKind::SecretNotFound)),
        (bearer("good", "empty"), Some(FailureKind::SecretNotFound)),
        (bearer("absent", "token"), Some(FailureKind::SecretNotFound)),
        (bearer("theirs", "token"), Some(FailureKind::SecretNotFound)),
        (bearer("elsewhere", "token"), Some(FailureKind::SecretNotAllowed)),
        (oauth("both"), None),
        // A token is worth as much as the secrets that buy it: its hosts are listed too.
        (oauth("elsewhere"), Some(FailureKind::SecretNotAllowed)),
        (oauth("good"), Some(FailureKind::SecretNotAllowed)),
        (
            r#""tls":{"clientCertificateSecretRef":{"name":"elsewhere"}}"#.to_owned(),
            Some(FailureKind::SecretNotAllowed),
        ),
        (r#""tls":{"clientCertificateSecretRef":{"name":"good"}}"#.to_owned(), Some(FailureKind::SecretNotFound)),
        (
            r#""tls":{"caRef":{"configMapRef":{"name":"ca","key":"ca.crt"}}}"#.to_owned(),
            Some(FailureKind::SecretNotFound),
        ),
        (r#""tls":{"caRef":{"secretRef":{"name":"good","key":"user"}}}"#.to_owned(), None),
        (ssh("sftp", ""), None),
        (ssh("unkeyed", ""), Some(FailureKind::SecretNotFound)),
        (ssh("unkeyed", r#","hostKeysConfigMapRef":{"name":"hosts","key":"acme"}"#), None),
        (
            ssh("unkeyed", r#","hostKeysConfigMapRef":{"name":"hosts","key":"other"}"#),
            Some(FailureKind::SecretNotFound),
        ),
        (
            ssh("unkeyed", r#","hostKeysConfigMapRef":{"name":"absent","key":"acme"}"#),
            Some(FailureKind::SecretNotFound),
        ),
    ];
    for (auth, expected) in cases {
        let feed = feed(&auth);
        let outcome = resolve(&feed, &feed.url.parse().unwrap(), "team", &source).await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind), expected, "{auth}");
        assert!(!format!("{outcome:?}").contains("canary"), "{auth}");
    }
}
