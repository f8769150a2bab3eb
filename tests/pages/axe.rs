//! Every page by the rules of axe-core, which hold it to WCAG 2.2 AA: at the width of a phone, a tablet and a desk, light and dark.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use sha2::{Digest, Sha512};

use crate::browser::{Visit, WIDTHS, pages, visit};
use crate::debian;

/// The package as npm packs it, and its digest.
const PACKAGE: &str = "axe-core@4.14.1";
const ARCHIVE: &str = "axe-core-4.14.1.tgz";
const INTEGRITY: &str = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// A page with one well-known mistake: a picture without a text for people who cannot see it.
const BLIND: &str = "<!DOCTYPE html><html lang=en><head><title>blind</title></head><body><main><h1>A picture</h1>\
                     <img src='data:,' width=9 height=9></main></body></html>";

/// Runs axe in each page, in frames of each width, and hands on what it found.
const HARNESS: &str = "<!DOCTYPE html><title>harness</title><link rel=icon href='data:,'><body><script>
(async () => {
  const found = [];
  for (const [path, width] of JOBS) {
    const frame = document.createElement('iframe');
    frame.style.width = width + 'px'; frame.style.height = '900px'; frame.style.border = 0;
    frame.src = path;
    await new Promise(ready => { frame.onload = ready; document.body.append(frame); });
    const dark = frame.contentWindow.matchMedia('(prefers-color-scheme: dark)').matches;
    const result = await frame.contentWindow.axe.run();
    const violations = result.violations.flatMap(rule => rule.nodes.map(node => rule.id + ': ' + node.target.join(' ') + ': ' + node.failureSummary));
    found.push([path, width, dark, result.passes.length, violations]);
    frame.remove();
  }
  await fetch('/found', {method: 'POST', body: JSON.stringify(found)});
})();
</script>";

/// The archive of the package: npm's, held to its digest, and kept under the target folder.
fn archive() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let file = folder.join(ARCHIVE);
    if !file.is_file() {
        let npm = debian::program("npm", "npm").unwrap_or_else(|advice| panic!("{advice}"));
        let arguments = ["pack", PACKAGE, "--silent", "--pack-destination"];
        let packed = Command::new(npm).args(arguments).arg(&folder).current_dir(&folder).output().unwrap();
        assert!(packed.status.success(), "npm pack {PACKAGE}: {}", String::from_utf8_lossy(&packed.stderr));
    }
    let digest = Sha512::digest(std::fs::read(&file).unwrap());
    let digest = base64::engine::general_purpose::STANDARD.encode(digest);
    assert_eq!(digest, INTEGRITY, "{}: it is another archive than the one that is meant: delete it", file.display());
    file
}

fn axe() -> String {
    let unpacked = Command::new("tar").arg("-xzOf").arg(archive()).arg("package/axe.min.js").output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    String::from_utf8(unpacked.stdout).unwrap()
}

/// A page that lets axe in: its own policy lets no script run.
fn opened(page: &str) -> String {
    let (before, policy) = page.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap_or((page, ">"));
    let (_, after) = policy.split_once('>').unwrap();
    format!("{before}{after}").replacen("</head>", "<script src=\"/axe.js\"></script></head>", 1)
}

type Found = (String, u32, bool, u32, Vec<String>);

fn look(flags: &[&str]) -> Vec<Found> {
    let mut all: std::collections::BTreeMap<String, String> =
        pages().into_iter().map(|(path, page)| (path, opened(&page))).collect();
    all.insert("/blind".to_owned(), opened(BLIND));
    let jobs: Vec<(&String, u32)> = all.keys().flat_map(|path| WIDTHS.map(|width| (path, width))).collect();
    let harness = HARNESS.replace("JOBS", &serde_json::to_string(&jobs).unwrap());
    let count = jobs.len();
    all.insert("/harness".to_owned(), harness);
    all.insert("/axe.js".to_owned(), axe());
    let Visit { found, .. } = visit(all, flags);
    let found: Vec<Found> = serde_json::from_str(&found).unwrap();
    assert_eq!(found.len(), count);
    found
}

#[test]
fn axe_finds_nothing_on_any_page_light_or_dark() {
    for (flags, is_dark) in [(&[][..], false), (&["--blink-settings=preferredColorScheme=0"][..], true)] {
        let mut wrong = Vec::new();
        for (path, width, dark, passes, violations) in look(flags) {
            assert_eq!(dark, is_dark, "{path}");
            if path == "/blind" {
                assert!(
                    violations.iter().any(|found| found.starts_with("image-alt: ")),
                    "axe sees nothing: {violations:?}"
                );
            } else {
                assert!(passes > 20, "{path}: {passes} rules were looked at");
                wrong.extend(violations.into_iter().map(|found| format!("{path} at {width} pixels: {found}")));
            }
        }
        assert!(wrong.is_empty(), "{} findings, dark: {is_dark}:\n{}", wrong.len(), wrong.join("\n"));
    }
}
