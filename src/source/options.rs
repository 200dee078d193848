//! Settings of live tables: `set checkout.… = …`, read back by `show checkout.…` and `show all`.
//!
//! Written out instead of by DataFusion's macro, which lists settings without their prefix, so that `show` does not find
//! them, and takes any text as a value until it is used.

use std::any::Any;

use datafusion::common::Result as DataFusionResult;
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};

use crate::error::{Error, ErrorKind};
use crate::schema::decode::OnMalformed;

/// Settings of live tables.
#[derive(Debug, Clone, Default)]
pub struct CheckoutOptions {
    /// What to do with a value that cannot be read as its column's type.
    pub on_malformed: OnMalformed,
}

const ON_MALFORMED: &str = "on_malformed";

impl CheckoutOptions {
    /// The settings of a session.
    pub fn of(options: &ConfigOptions) -> Self {
        options.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

impl ConfigExtension for CheckoutOptions {
    const PREFIX: &'static str = "checkout";
}

impl ExtensionOptions for CheckoutOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> DataFusionResult<()> {
        match (key, value) {
            (ON_MALFORMED, "error") => self.on_malformed = OnMalformed::Error,
            (ON_MALFORMED, "null") => self.on_malformed = OnMalformed::Null,
            (ON_MALFORMED, other) => return Err(wrong(format!("checkout.on_malformed is error or null, not {other}"))),
            (other, _) => return Err(wrong(format!("there is no setting checkout.{other}; there is checkout.{ON_MALFORMED}"))),
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let value = match self.on_malformed {
            OnMalformed::Error => "error",
            OnMalformed::Null => "null",
        };
        vec![ConfigEntry {
            key: format!("{}.{ON_MALFORMED}", Self::PREFIX),
            value: Some(value.to_owned()),
            description: "a value that cannot be read as its column's type is an error naming the row and the field, or null",
        }]
    }
}

fn wrong(message: String) -> datafusion::error::DataFusionError {
    Error::new(ErrorKind::Query, message).into()
}
