//! Whether the credential can change something. ckosql never does; but a key that cannot is worth less to a thief.

use super::{Check, Outcome, Patient, Subject};
use crate::api::claims::Claims;

/// Scopes that only read, beside those whose last word says so.
const READING: [&str; 7] = [
    "disputes:scheme-files",
    "files:download",
    "files:retrieve",
    "flow:events",
    "fx",
    "gateway:payment-details",
    "payments:search",
];
/// Last words of scopes that only read.
const READING_WORDS: [&str; 3] = [":view", ":read", "-read"];

/// What the token's scopes say; a secret key does not tell without writing something.
pub(super) fn check(patient: &Patient, claims: Option<&Claims>) -> Check {
    let check = |outcome, found: String| Check::new(Subject::Writing, "", outcome, found);
    let scopes = match claims {
        Some(claims) if !claims.scope.is_empty() => &claims.scope,
        _ if patient.is_oauth() => return check(Outcome::Unknown, "the token names no scopes".to_owned()),
        _ => {
            return check(Outcome::Unknown, "whether a secret key can write is not told without writing".to_owned())
                .with_remedy("make sure in Dashboard > Developers > Keys that the key is read-only");
        }
    };
    let writing: Vec<&str> = scopes.iter().map(String::as_str).filter(|scope| !only_reads(scope)).collect();
    if writing.is_empty() {
        return check(Outcome::Ok, "the token's scopes only read".to_owned());
    }
    check(Outcome::Warning, format!("the key can also write: {}", writing.join(", "))).with_remedy(
        "take them off the access key in Dashboard > Developers > Keys, but for those whose tables you read and that have no \
         reading half",
    )
}

fn only_reads(scope: &str) -> bool {
    READING.contains(&scope) || READING_WORDS.iter().any(|word| scope.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_that_is_not_known_to_read_counts_as_writing() {
        for scope in ["reports:view", "issuing:transactions-read", "compliance-requests:read", "fx", "payments:search"] {
            assert!(only_reads(scope), "{scope}");
        }
        for scope in ["gateway", "gateway:payment", "vault", "vault:customers", "balances", "accounts", "new:thing", "spread"] {
            assert!(!only_reads(scope), "{scope}");
        }
    }
}
