//! Whether a contract may go on with the evidence of one that is gone, as after it was restored from a backup under a new UID.

/// What a decision on adopting evidence rests on.
#[derive(Clone, Debug)]
pub struct Adoption<'a> {
    /// The UID that the annotation names.
    pub wanted: &'a str,
    /// UID, namespace and name of the contract that wants it.
    pub own: (&'a str, &'a str, &'a str),
    /// Whether it has rows of its own.
    pub has_rows: bool,
    /// Namespace and name of the contract that the evidence was kept for; `None`: there is none under that UID.
    pub kept_for: Option<(&'a str, &'a str)>,
    /// Whether a contract with that UID still exists, or another one goes on with its evidence.
    pub is_in_use: bool,
}

/// Whether the evidence is adopted.
///
/// # Errors
/// Why not, and what to do, in a sentence.
pub fn may_adopt(adoption: &Adoption<'_>) -> Result<(), String> {
    let Adoption { wanted, own: (uid, namespace, name), has_rows, kept_for, is_in_use } = adoption;
    let shown = crate::api::scalar::shorten(wanted);
    let annotation = crate::api::EVIDENCE_OF_ANNOTATION;
    if wanted == uid {
        return Err(format!(
            "{annotation} names this contract itself: write the UID that it had before, or take the annotation away"
        ));
    }
    let Some((kept_namespace, kept_name)) = kept_for else {
        return Err(format!(
            "{annotation} {shown:?}: the store has no rows of a contract with this UID; take it from status.contractUid of an SlaReport"
        ));
    };
    if (kept_namespace, kept_name) != (namespace, name) {
        return Err(format!(
            "{annotation} {shown:?}: that evidence is of {kept_namespace}/{kept_name}, and only a contract of that namespace and name goes on with it"
        ));
    }
    if *is_in_use {
        return Err(format!(
            "{annotation} {shown:?}: a contract with this evidence still exists, and two cannot go on with it"
        ));
    }
    if *has_rows {
        return Err(format!(
            "{annotation} {shown:?}: this contract has rows of its own already; delete it and create it with the annotation"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_contract_of_the_same_name_without_rows_goes_on_with_the_evidence_of_one_that_is_gone() {
        let fine = || Adoption {
            wanted: "uid-1",
            own: ("uid-2", "bpo", "care"),
            has_rows: false,
            kept_for: Some(("bpo", "care")),
            is_in_use: false,
        };
        let cases = [
            ("a restored contract", fine(), None),
            ("itself", Adoption { wanted: "uid-2", ..fine() }, Some("itself")),
            ("a UID that was never heard of", Adoption { kept_for: None, ..fine() }, Some("no rows of a contract")),
            ("another namespace", Adoption { kept_for: Some(("other", "care")), ..fine() }, Some("is of other/care")),
            ("another name", Adoption { kept_for: Some(("bpo", "bank")), ..fine() }, Some("is of bpo/bank")),
            ("it still exists", Adoption { is_in_use: true, ..fine() }, Some("still exists")),
            ("rows of its own", Adoption { has_rows: true, ..fine() }, Some("rows of its own")),
        ];
        for (name, adoption, expected) in cases {
            let answer = may_adopt(&adoption);
            match expected {
                None => assert_eq!(answer, Ok(()), "{name}"),
                Some(part) => assert!(answer.clone().unwrap_err().contains(part), "{name}: {answer:?}"),
            }
        }
    }
}
