use super::*;

/// Spellings of addresses of the inside, and a network that opens each.
pub(crate) const SPELLINGS: &[(&str, &str)] = &[
    ("127.0.0.1", "127.0.0.0/8"),
    ("127.0.0.1.", "127.0.0.0/8"),
    ("127.1", "127.0.0.0/8"),
    ("127.0.1", "127.0.0.0/8"),
    ("127.255.255.254", "127.0.0.0/8"),
    ("2130706433", "127.0.0.0/8"),
    ("0x7f000001", "127.0.0.0/8"),
    ("0x7F.1", "127.0.0.0/8"),
    ("0x7f.0x0.0x0.0x1", "127.0.0.0/8"),
    ("017700000001", "127.0.0.0/8"),
    ("0177.0.0.1", "127.0.0.0/8"),
    ("0177.0.0.01", "127.0.0.0/8"),
    ("127.0.0.0x1", "127.0.0.0/8"),
    ("%31%32%37.0.0.1", "127.0.0.0/8"),
    ("127%2e0%2e0%2e1", "127.0.0.0/8"),
    ("１２７.0.0.1", "127.0.0.0/8"),
    ("127。0。0。1", "127.0.0.0/8"),
    ("①②⑦.⓪.⓪.①", "127.0.0.0/8"),
    ("0", "0.0.0.0/8"),
    ("0.0.0.0", "0.0.0.0/8"),
    ("0x0", "0.0.0.0/8"),
    ("0.1.2.3", "0.0.0.0/8"),
    ("10.0.0.1", "10.0.0.0/8"),
    ("10.1", "10.0.0.0/8"),
    ("167772161", "10.0.0.0/8"),
    ("012.0.0.1", "10.0.0.0/8"),
    ("0xa.0.0.1", "10.0.0.0/8"),
    ("10.96.0.1", "10.96.0.0/12"),
    ("172.16.0.1", "172.16.0.0/12"),
    ("172.31.255.255", "172.16.0.0/12"),
    ("0xac100001", "172.16.0.0/12"),
    ("192.168.0.1", "192.168.0.0/16"),
    ("192.168.65535", "192.168.0.0/16"),
    ("3232235521", "192.168.0.0/16"),
    ("100.64.0.1", "100.64.0.0/10"),
    ("100.100.100.200", "100.64.0.0/10"),
    ("100.127.255.255", "100.64.0.0/10"),
    ("169.254.169.254", "169.254.0.0/16"),
    ("2852039166", "169.254.0.0/16"),
    ("0xa9fea9fe", "169.254.0.0/16"),
    ("0xA9.0xFE.0xA9.0xFE", "169.254.0.0/16"),
    ("0251.0376.0251.0376", "169.254.0.0/16"),
    ("169.254.43518", "169.254.0.0/16"),
    ("169.16689662", "169.254.0.0/16"),
    ("168.63.129.16", "168.63.129.16/32"),
    ("192.0.0.192", "192.0.0.0/24"),
    ("192.0.2.1", "192.0.2.0/24"),
    ("192.88.99.1", "192.88.99.0/24"),
    ("198.18.0.1", "198.18.0.0/15"),
    ("198.51.100.1", "198.51.100.0/24"),
    ("203.0.113.1", "203.0.113.0/24"),
    ("224.0.0.1", "224.0.0.0/4"),
    ("239.255.255.250", "224.0.0.0/4"),
    ("240.0.0.1", "240.0.0.0/4"),
    ("255.255.255.255", "255.255.255.255/32"),
    ("0xffffffff", "255.255.255.255/32"),
    ("[::]", "::/128"),
    ("[0:0:0:0:0:0:0:0]", "::/128"),
    ("[::1]", "::1/128"),
    ("[0:0:0:0:0:0:0:1]", "::1/128"),
    ("[0000::0001]", "::1/128"),
    ("[::ffff:127.0.0.1]", "127.0.0.0/8"),
    ("[::ffff:7f00:1]", "127.0.0.0/8"),
    ("[0:0:0:0:0:ffff:7f00:0001]", "127.0.0.0/8"),
    ("[::FFFF:10.0.0.1]", "10.0.0.0/8"),
    ("[::ffff:a9fe:a9fe]", "169.254.0.0/16"),
    ("[::ffff:192.168.1.1]", "192.168.0.0/16"),
    ("[::ffff:100.64.0.1]", "100.64.0.0/10"),
    ("[::ffff:0.0.0.0]", "0.0.0.0/8"),
    ("[::127.0.0.1]", "::/96"),
    ("[::a9fe:a9fe]", "::/96"),
    ("[::ffff:0:127.0.0.1]", "::ffff:0:0:0/96"),
    ("[64:ff9b::127.0.0.1]", "64:ff9b::/96"),
    ("[64:ff9b::10.0.0.1]", "64:ff9b::/96"),
    ("[64:ff9b::a9fe:a9fe]", "64:ff9b::/96"),
    ("[64:ff9b:1::a9fe:a9fe]", "64:ff9b:1::/48"),
    ("[2002:7f00:1::1]", "2002::/16"),
    ("[2002:a9fe:a9fe::]", "2002::/16"),
    ("[2001:0:53aa:64c:0:0:5601:5601]", "2001::/32"),
    ("[2001:10::1]", "2001::/23"),
    ("[2001:db8::1]", "2001:db8::/32"),
    ("[3fff::1]", "3fff::/20"),
    ("[fc00::1]", "fc00::/7"),
    ("[fd00:ec2::254]", "fc00::/7"),
    ("[fdff:ffff::1]", "fc00::/7"),
    ("[fe80::1]", "fe80::/10"),
    ("[febf::1]", "fe80::/10"),
    ("[fec0::1]", "fec0::/10"),
    ("[ff02::1]", "ff00::/8"),
    ("[ff0e::1]", "ff00::/8"),
    ("[100::1]", "100::/64"),
    ("[4000::1]", "4000::/3"),
    ("[5f00::1]", "5f00::/16"),
];

#[test]
fn every_spelling_of_an_inner_address_is_denied_and_opened_by_its_network_alone() {
    let closed = AddressPolicy::default();
    for (host, network) in SPELLINGS {
        let url = Url::parse(&format!("https://{host}/v1?key=hidden")).unwrap_or_else(|e| panic!("{host}: {e}"));
        let error = closed.check_url(&url, "team").expect_err(host);
        assert_eq!(error.kind, FailureKind::Denied, "{host}");
        assert!(!error.message.contains("hidden"), "{host}");
        let opened = AddressPolicy::new(vec![network.parse().unwrap()]);
        let folder = Url::parse(&format!("sftp://{host}/v1/")).unwrap_or_else(|e| panic!("{host}: {e}"));
        assert_eq!(closed.check_feed(&folder, "team").expect_err(host).kind, FailureKind::Denied, "sftp {host}");
        for scheme in ["https", "http", "sftp"] {
            let url = Url::parse(&format!("{scheme}://{host}/v1")).unwrap();
            let outcome = opened.check_feed(&url, "team");
            if closed.never(address_of(&url).to_canonical(), port_of(&url)).is_some() {
                assert_eq!(outcome.unwrap_err().kind, FailureKind::Denied, "{scheme}://{host}: no flag opens it");
            } else {
                assert_eq!(outcome, Ok(()), "{scheme}://{host} with {network}");
            }
        }
        let elsewhere = AddressPolicy::new(vec!["11.0.0.0/8".parse().unwrap(), "2600::/12".parse().unwrap()]);
        assert!(elsewhere.check_url(&url, "team").is_err(), "{host}");
    }
    assert!(SPELLINGS.len() >= 60);
}

fn address_of(url: &Url) -> IpAddr {
    match host_of(url).unwrap() {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain(name) => panic!("{name} is not an address"),
    }
}

#[test]
fn a_network_is_allowed_for_its_port_and_its_namespace_and_never_for_servers_of_credentials() {
    let policy = |opened: &[&str]| {
        AddressPolicy::new(opened.iter().map(|opened| opened.parse().unwrap()).collect())
            .sparing(vec!["10.96.0.1:443".parse().unwrap(), "[fd00::1]:6443".parse().unwrap()])
    };
    for (opened, url, tenant, may) in [
        ("10.0.0.0/8", "http://10.1.2.3:8080/", "team", true),
        ("10.0.0.0/8:8080", "http://10.1.2.3:8080/", "team", true),
        ("10.0.0.0/8:8080", "http://10.1.2.3:8081/", "team", false),
        ("10.0.0.0/8:443", "https://10.1.2.3/", "team", true),
        ("10.0.0.0/8@team", "http://10.1.2.3/", "team", true),
        ("10.0.0.0/8@team", "http://10.1.2.3/", "other", false),
        ("10.0.0.0/8:80@team", "http://10.1.2.3/", "team", true),
        ("10.0.0.0/8:80@team", "https://10.1.2.3/", "team", false),
        ("fd00::/8:8443@team", "https://[fd00::7]:8443/", "team", true),
        // What no flag opens.
        ("10.0.0.0/8", "https://10.96.0.1/", "team", false),
        ("10.0.0.0/8", "https://[::ffff:10.96.0.1]/", "team", false),
        ("10.0.0.0/8", "https://10.96.0.1:8443/", "team", true),
        ("fd00::/8", "https://[fd00::1]:6443/", "team", false),
        ("10.0.0.0/8", "https://10.1.2.3:10250/", "team", false),
        ("0.0.0.0/0", "http://169.254.169.254/", "team", false),
        ("0.0.0.0/0", "http://168.63.129.16/", "team", false),
        ("::/0", "http://[64:ff9b::a9fe:a9fe]/", "team", false),
        ("::/0", "http://[fe80::1]/", "team", false),
        ("::/0", "http://[fd00:ec2::254]/", "team", false),
    ] {
        let outcome = policy(&[opened]).check_url(&Url::parse(url).unwrap(), tenant);
        assert_eq!(outcome.is_ok(), may, "{opened} {url} {tenant}: {outcome:?}");
    }
    for text in
        ["10.0.0.0", "10.0.0.0/8:", "10.0.0.0/8:http", "10.0.0.0/8@", "10.0.0.0/40", "", "/8", "team@10.0.0.0/8"]
    {
        let error = text.parse::<OpenedNetwork>().unwrap_err();
        assert!(error.contains("10.20.0.0/16:8443"), "{text}: {error}");
    }
}

#[test]
fn public_addresses_are_for_https_alone() {
    let policy = AddressPolicy::default();
    for host in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
        "223.255.255.255",
        "[2606:4700::1111]",
        "[2a00:1450::1]",
        "[::ffff:1.1.1.1]",
        "[64:ff9b::1.1.1.1]",
        "feeds.acme.example",
    ] {
        for scheme in ["https", "sftp"] {
            let url = Url::parse(&format!("{scheme}://{host}/")).unwrap();
            assert_eq!(policy.check_feed(&url, "team"), Ok(()), "{scheme}://{host}");
        }
    }
    assert_eq!(
        policy.check_url(&Url::parse("http://1.1.1.1/").unwrap(), "team").unwrap_err().kind,
        FailureKind::Denied
    );
}

#[test]
fn other_schemes_and_user_information_are_denied() {
    let policy = AddressPolicy::new(vec!["0.0.0.0/0".parse().unwrap()]);
    for url in [
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "https://user:canary@1.1.1.1/",
        "https://canary@a.example/",
        "sftp://user:canary@1.1.1.1/",
        "sftp:///reports/",
    ] {
        let error = policy.check_feed(&Url::parse(url).unwrap(), "team").unwrap_err();
        assert!(error.kind == FailureKind::Denied && !error.message.contains("canary"), "{url}: {error}");
    }
    // A folder cannot be asked by HTTP.
    assert!(policy.check_url(&Url::parse("sftp://1.1.1.1/").unwrap(), "team").is_err());
}

struct Fixed(Vec<IpAddr>);

impl NameLookup for Fixed {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

#[tokio::test]
async fn of_a_name_only_the_permitted_addresses_are_left() {
    let cases: &[(&[&str], bool, Result<usize, &str>)] = &[
        (&["1.1.1.1", "2606:4700::1111"], false, Ok(2)),
        (&["1.1.1.1", "127.0.0.1", "::1"], false, Ok(1)),
        (&["1.1.1.1"], true, Err("Denied")),
        (&["169.254.169.254"], false, Err("Denied")),
        (&["::ffff:10.0.0.1", "fd00::1"], false, Err("Denied")),
        (&[], false, Err("Unknown")),
    ];
    for (addresses, plain, expected) in cases {
        let lookup = Fixed(addresses.iter().map(|address| address.parse().unwrap()).collect());
        let purpose = Purpose { port: 443, tenant: "team", plain: *plain };
        let resolver = GuardedResolver::new(Arc::default(), Arc::new(lookup), &purpose);
        let outcome = match resolver.resolve("feeds.acme.example".parse().unwrap()).await {
            Ok(found) => Ok(found.count()),
            Err(error) if addresses.iter().any(|address| error.to_string().contains(address)) => {
                panic!("{error}: the resolved address is shown")
            }
            Err(error) => Err(match error.downcast_ref::<ResolutionError>() {
                Some(ResolutionError::Denied(_)) => "Denied",
                Some(ResolutionError::Unknown(_)) => "Unknown",
                None => "?",
            }),
        };
        assert_eq!(outcome, *expected, "{addresses:?}");
    }
}
