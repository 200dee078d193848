//! A statement that was parsed, and what is known of it before it is run: its parameters and its columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{ObjectNamePart, Statement};
use postgres_types::Type;

use super::command::Command;
use super::failure::Failure;
use super::frontend::{Bind, Format};
use super::types::{self, Column};
use super::user::User;
use super::{dialect, explained, parameters, settings};
use crate::engine::Planned;
use crate::error::Error;

/// A statement, ready to be run with values.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The text it was in, which the places of errors count in.
    pub(super) sql: Arc<str>,
    pub(super) command: Command,
    /// The schema that names without one were read in.
    pub(super) schema: String,
    /// The statement as it was read.
    written: Arc<ParsedStatement>,
    /// Whether it is all of the text.
    is_all: bool,
    /// The types that values are read as.
    pub(super) parameters: Vec<Type>,
    /// What the engine found the parameters to be.
    inferred: Vec<Option<DataType>>,
    /// The columns of its answer; none when it has no answer, or has one of which nothing is known yet.
    pub(super) columns: Arc<[Column]>,
    planned: Option<Planned>,
}

impl Prepared {
    /// Prepares a statement, and whether it is all of the text; `said` are the parameters' types, as far as the client
    /// says them.
    ///
    /// # Errors
    /// A failure when it cannot be planned, or would change something.
    pub(super) async fn new(
        user: &User,
        sql: &Arc<str>,
        (statement, is_all): (Statement, bool),
        said: &[u32],
    ) -> Result<Self, Failure> {
        let written = Arc::new(ParsedStatement::Statement(Box::new(statement.clone())));
        let refuse = |error: &Error| user.session().refuse(Some(Arc::clone(&written)), error);
        let command = Command::of(statement).inspect_err(|failure| refuse(&failure.error()))?;
        let said: Vec<Option<Type>> = said.iter().map(|oid| Type::from_oid(*oid).filter(|said| *said != Type::UNKNOWN)).collect();
        let columns = columns_of(&command);
        let mut prepared = Self {
            sql: Arc::clone(sql),
            command,
            schema: user.follow_path(),
            written: Arc::clone(&written),
            is_all,
            parameters: Vec::new(),
            inferred: Vec::new(),
            columns,
            planned: None,
        };
        if let Some(statement) = prepared.command.rows() {
            check_path(user, statement, &prepared.schema).inspect_err(|failure| refuse(&failure.error()))?;
            let mut statement = statement.clone();
            dialect::read(&mut statement).inspect_err(|failure| refuse(&failure.error()))?;
            let planned = Box::pin(plan(user, statement, is_all.then_some(sql), &said)).await.inspect_err(refuse);
            let planned = planned.map_err(|error| Failure::of(&error, sql))?;
            let known = planned.parameters()?;
            let count = known.keys().last().copied().unwrap_or(0).max(said.len());
            for number in 1..=count {
                let field = known.get(&number).cloned().flatten();
                let said = said.get(number - 1).cloned().flatten();
                prepared.parameters.push(said.unwrap_or_else(|| field.as_ref().map_or(Type::TEXT, |field| types::sent(field).0)));
                prepared.inferred.push(field.map(|field| field.data_type().clone()));
            }
            prepared.planned = Some(planned);
        }
        Ok(prepared)
    }

    /// The statement prepared again, where its names were read by another search path than there is now; none where they were not.
    ///
    /// # Errors
    /// A failure when it cannot be planned any more, or has other columns than the client was told.
    pub(super) async fn anew(&self, user: &User) -> Result<Option<Self>, Failure> {
        let ParsedStatement::Statement(statement) = &*self.written else { return Ok(None) };
        if self.planned.is_none() || user.follow_path() == self.schema {
            return Ok(None);
        }
        let said: Vec<u32> = self.parameters.iter().map(Type::oid).collect();
        let anew = Self::new(user, &self.sql, (Statement::clone(statement), self.is_all), &said).await?.with_columns(user)?;
        if anew.columns != self.columns {
            return Err(Failure::new("0A000", "cached plan must not change result type").at("RevalidateCachedQuery"));
        }
        Ok(Some(anew))
    }

    /// Notes that it is refused, though it could be read.
    pub(super) fn refuse(&self, user: &User, failure: &Failure) {
        user.session().refuse(Some(Arc::clone(&self.written)), &failure.error());
    }

    /// The statement with its columns, for a client that asks for them before it runs it.
    ///
    /// # Errors
    /// A failure when nothing can be put in the place of its parameters.
    pub(super) fn with_columns(mut self, user: &User) -> Result<Self, Failure> {
        if let (Command::Rows(_), Some(planned)) = (&self.command, &self.planned) {
            let explains = self.command.explains();
            self.columns = if explains {
                types::columns(&explained::schema())
            } else {
                types::columns(&user.session().columns(&self.typed(planned)?))
            };
        }
        Ok(self)
    }

    /// The statement with nothing for each parameter, but of its type: enough to tell its columns.
    fn typed(&self, planned: &Planned) -> Result<Planned, Failure> {
        if self.parameters.is_empty() {
            return Ok(planned.clone());
        }
        let nothing = |(postgres, inferred): (&Type, &Option<DataType>)| match inferred {
            Some(inferred) => ScalarValue::try_from(inferred).or_else(|_| Ok(ScalarValue::Null)),
            None => parameters::null(postgres),
        };
        let values = self.parameters.iter().zip(&self.inferred).map(nothing).collect::<Result<Vec<_>, Failure>>()?;
        Ok(planned.clone().bind(values)?)
    }

    /// The statement with these values.
    ///
    /// # Errors
    /// A failure when values are too few or too many, or are not of their types.
    pub(super) fn bind(&self, bind: &Bind) -> Result<Option<Planned>, Failure> {
        let (given, wanted) = (bind.values.len(), self.parameters.len());
        if given != wanted {
            return Err(Failure::new("08P01", format!("bind message supplies {given} parameters, but {wanted} are required")));
        }
        let formats = spread(&bind.formats, given)?;
        let mut values = Vec::with_capacity(given);
        for ((value, format), postgres) in bind.values.iter().zip(formats).zip(&self.parameters) {
            values.push(parameters::read(value.clone(), postgres, format)?);
        }
        let bound = |planned: Planned| planned.bind(values).map_err(|error| Failure::of(&error, &self.sql));
        self.planned.clone().map(bound).transpose()
    }
}

/// Refuses to run what was prepared in SQL by another search path than there is now: it would answer of other tables.
fn check_path(user: &User, statement: &Statement, schema: &str) -> Result<(), Failure> {
    let Statement::Execute { name: Some(name), .. } = statement else { return Ok(()) };
    let prepared_in = name.0.first().and_then(ObjectNamePart::as_ident).and_then(|name| user.prepared_in(name));
    if prepared_in.is_some_and(|prepared_in| prepared_in != schema) {
        let message = format!("the search_path is another than {name} was prepared with: prepare it again");
        return Err(Failure::new("0A000", message));
    }
    Ok(())
}

/// The formats of so many values: of each its own, or one for all, or text.
pub(super) fn spread(formats: &[Format], count: usize) -> Result<Vec<Format>, Failure> {
    match formats {
        [] => Ok(vec![Format::Text; count]),
        [one] => Ok(vec![*one; count]),
        each if each.len() == count => Ok(each.to_vec()),
        _ => Err(Failure::new("08P01", format!("{} formats are given for {count} values", formats.len()))),
    }
}

/// Plans a statement, in the truest of the ways to read it that the engine can run.
async fn plan(user: &User, statement: Statement, sql: Option<&Arc<str>>, said: &[Option<Type>]) -> crate::error::Result<Planned> {
    let mut fields: BTreeMap<usize, FieldRef> = BTreeMap::new();
    for (number, said) in (1..).zip(said) {
        if let Some(data_type) = said.as_ref().and_then(types::of_parameter) {
            fields.insert(number, Arc::new(Field::new(format!("${number}"), data_type, true)));
        }
    }
    let mut readings = user.readings(statement, sql.map(AsRef::as_ref));
    let Some(last) = readings.pop() else { return Err(Error::bug("a statement has no reading")) };
    for reading in readings {
        if let Ok(planned) = plan_reading(user, reading, &fields).await
            && user.session().can_run(&planned).await
        {
            return Ok(planned);
        }
    }
    plan_reading(user, last, &fields).await
}

async fn plan_reading(user: &User, reading: Statement, said: &BTreeMap<usize, FieldRef>) -> crate::error::Result<Planned> {
    user.session().plan_statement(ParsedStatement::Statement(Box::new(reading))).await?.with_parameters(said)
}

/// The columns of what is the connection's own matter.
fn columns_of(command: &Command) -> Arc<[Column]> {
    match command {
        Command::Show(name) => types::columns(&shown(name)),
        _ => Arc::default(),
    }
}

/// The columns of a setting that is shown.
pub(super) fn shown(name: &str) -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    if name == settings::ALL {
        return Schema::new(vec![text("name"), text("setting"), text("description")]);
    }
    Schema::new(vec![text(name)])
}
