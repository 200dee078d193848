//! `system.accounts`: the configured accounts, without their secrets.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

use super::{SystemTable, count, number, text};
use crate::api::config::Credential;
use crate::schema::fields::instant;
use crate::secret::redact_url;
use crate::source::connection::Connection;

pub(super) const TABLE: SystemTable = SystemTable {
    name: "accounts",
    columns: &[
        ("account", text, "Its name in the configuration."),
        ("credential", text, "secret key or access key."),
        ("api_url", text, "Where its main host is."),
        ("entity_ids", text, "Its entities, as far as they are configured or were found out."),
        ("history_start", instant, "Nothing older is asked for, UTC."),
        ("requests_per_second", number, "The pace of now; lower than configured after a 429."),
        ("requests", number, "Requests made since the start."),
        ("throttled", number, "Answers of 429 since the start."),
    ],
    rows,
};

fn rows(connections: &[Arc<Connection>]) -> Vec<ArrayRef> {
    let texts = |text: fn(&Connection) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(connections.iter().map(|connection| text(connection))))
    };
    let numbers = |number: fn(&Connection) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(connections.iter().map(|connection| count(number(connection)))))
    };
    let start = connections.iter().map(|connection| connection.account().history_start.timestamp_micros());
    vec![
        texts(|connection| connection.name().to_owned()),
        texts(|connection| {
            match connection.account().credential {
                Credential::SecretKey(_) => "secret key",
                Credential::ClientCredentials { .. } => "access key",
                Credential::Absent => "none",
            }
            .to_owned()
        }),
        texts(|connection| redact_url(&connection.account().hosts.main)),
        texts(|connection| connection.known_entities().join(", ")),
        Arc::new(TimestampMicrosecondArray::from_iter_values(start).with_timezone("UTC")),
        numbers(|connection| connection.client.pace().into()),
        numbers(|connection| connection.client.activity().requests),
        numbers(|connection| connection.client.activity().throttled),
    ]
}
