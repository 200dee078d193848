//! What an access token says about itself. Nothing here is proven: a claim is a default or a word of advice, never a
//! permission.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};

/// The claims of a token that are of use; each may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// The access key, `ack_…`.
    pub client_id: Option<String>,
    /// The client, `cli_…`; its first eight characters are the prefix of the client's own hosts.
    pub cko_client_id: Option<String>,
    /// The entity, `ent_…`.
    pub cko_entity_id: Option<String>,
    /// What the token may do.
    #[serde(deserialize_with = "words")]
    pub scope: Vec<String>,
}

impl Claims {
    /// The prefix of the client's own hosts.
    pub fn prefix(&self) -> Option<&str> {
        self.cko_client_id.as_deref()?.strip_prefix("cli_")?.get(..8)
    }
}

/// The claims, if the token is a JWT at all.
pub(super) fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// A list of words, or one text with spaces between them, which is how OAuth itself writes scopes.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::List(words) => words,
        Written::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_names_client_entity_scopes_and_so_the_prefix() {
        let read =
            claims(&token(r#"{"cko_client_id":"cli_vkuhvk4vabc","cko_entity_id":"ent_1","scope":["a","b"],"x":1}"#)).unwrap();
        assert_eq!((read.prefix(), read.cko_entity_id.as_deref()), (Some("vkuhvk4v"), Some("ent_1")));
        assert_eq!(read.scope, ["a", "b"]);
        assert_eq!(claims(&token(r#"{"scope":"a b"}"#)).unwrap().scope, ["a", "b"]);
    }

    #[test]
    fn a_token_of_any_shape_has_claims_or_none() {
        for text in ["", "opaque", "a.b.c", "a.!.c", "a.bnVsbA.c"] {
            assert_eq!(claims(text), None, "{text}");
        }
        for client in ["", "cli_", "cli_short", "acc_vkuhvk4v", "cli_éééééééé1"] {
            let claims = Claims { cko_client_id: Some(client.to_owned()), ..Claims::default() };
            assert!(claims.prefix().is_none_or(|prefix| prefix.len() == 8), "{client}");
        }
    }
}
