//! The calls of Flight, and what of Flight SQL each of them is about.
//!
//! `arrow-flight` has a service that takes them apart too, `FlightSqlService`; it leaves `GetSchema` and `PollFlightInfo`
//! unanswered, and has two methods for each question about the catalogue, which are one here.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::ipc::root_as_message;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{Any, Command, CommandPreparedStatementQuery, DoPutPreparedStatementResult, DoPutUpdateResult};
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, Peekable};
use futures::{Stream, StreamExt};
use prost::Message;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status, Streaming};

use super::cancel::Place;
use super::rows::{self, Messages};
use super::statement::{Prepared, Statement};
use super::visitor::Visitor;
use super::{Server, actions, gate, metadata, refusals};
use crate::error::Error;

/// What is called.
pub(super) type Face = FlightServiceServer<Service>;

/// The calls, answered from what a server has.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) server: Arc<Server>,
}

/// An answer of several messages.
type Several<T> = BoxStream<'static, Result<T, Status>>;

/// An answer of one message where there may be several.
fn one<T: Send + 'static>(message: T) -> Response<Several<T>> {
    Response::new(stream::iter([Ok(message)]).boxed())
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = Several<HandshakeResponse>;
    type ListFlightsStream = Several<FlightInfo>;
    type DoGetStream = Messages;
    type DoPutStream = Several<PutResult>;
    type DoActionStream = Several<arrow_flight::Result>;
    type ListActionsStream = Several<ActionType>;
    type DoExchangeStream = Several<FlightData>;

    async fn handshake(&self, request: Request<Streaming<HandshakeRequest>>) -> Result<Response<Self::HandshakeStream>, Status> {
        let token = gate::token(&self.server, &*visitor(&request)?)?;
        let header = AsciiMetadataValue::try_from(format!("Bearer {token}"));
        let mut response = one(HandshakeResponse { protocol_version: 0, payload: token.into() });
        response
            .metadata_mut()
            .insert("authorization", header.map_err(|error| Error::bug("a token is no header").caused_by(error))?);
        Ok(response)
    }

    async fn list_flights(&self, _request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("flights are made by asking with SQL, and are not listed"))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let visitor = visitor(&request)?;
        self.info(&visitor, request.into_inner()).await.map(Response::new)
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let visitor = visitor(&request)?;
        // Nothing is to be waited for: rows are made when they are fetched.
        let info = self.info(&visitor, request.into_inner()).await?;
        Ok(Response::new(PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: None }))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let visitor = visitor(&request)?;
        let schema = match command(&request.into_inner().cmd)? {
            Command::CommandStatementQuery(asked) => {
                refusals::transaction(asked.transaction_id.as_ref())?;
                encoded(Statement::of_sql(&visitor, &asked.query).await?.columns().map(AsRef::as_ref))?
            }
            Command::CommandPreparedStatementQuery(asked) => encoded(self.prepared(&visitor, &asked)?.columns().as_deref())?,
            asked => encoded(Some(metadata::schema(&self.server, &asked)?.as_ref()))?,
        };
        Ok(Response::new(SchemaResult { schema }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let visitor = visitor(&request)?;
        match command(&request.into_inner().ticket)? {
            Command::TicketStatementQuery(ticket) => {
                let waiting = self.server.statements.take(visitor.name(), &ticket.statement_handle);
                let (statement, place) = waiting.ok_or_else(|| {
                    Status::not_found(
                        "there is no such statement, or its rows were fetched, or were not for too long\nhint: ask again",
                    )
                })?;
                fetched(statement, place).await
            }
            Command::CommandPreparedStatementQuery(asked) => {
                let statement = self.prepared(&visitor, &asked)?.statement()?;
                fetched(statement, self.server.places.enter(visitor.name())?).await
            }
            asked => Ok(Response::new(rows::one(metadata::answer(&self.server, visitor.session(), asked).await?))),
        }
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let visitor = visitor(&request)?;
        let mut data = request.into_inner().peekable();
        let first = match Pin::new(&mut data).peek().await {
            Some(Ok(first)) => first.flight_descriptor.clone(),
            Some(Err(status)) => return Err(status.clone()),
            None => None,
        };
        let first = first.ok_or_else(|| Status::invalid_argument("the first message does not say what the data is for"))?;
        match command(&first.cmd)? {
            Command::CommandPreparedStatementQuery(asked) => {
                self.prepared(&visitor, &asked)?.bind(batches(data)).await?;
                let handle = Some(asked.prepared_statement_handle);
                Ok(put(&DoPutPreparedStatementResult { prepared_statement_handle: handle }))
            }
            Command::CommandStatementUpdate(asked) => {
                refusals::transaction(asked.transaction_id.as_ref())?;
                let statement = refusals::unless_it_sets(visitor.plan(&asked.query).await?)?;
                visitor.session().run(statement).await?;
                Ok(put(&DoPutUpdateResult { record_count: 0 }))
            }
            Command::CommandPreparedStatementUpdate(asked) => {
                let asked = CommandPreparedStatementQuery { prepared_statement_handle: asked.prepared_statement_handle };
                let statement = refusals::unless_it_sets(self.prepared(&visitor, &asked)?.planned().clone())?;
                visitor.session().run(statement).await?;
                Ok(put(&DoPutUpdateResult { record_count: 0 }))
            }
            Command::CommandStatementIngest(_) => Err(refusals::ingest()),
            other => Err(refusals::unknown(&other)),
        }
    }

    async fn do_exchange(&self, _request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("nothing is exchanged here: ask with SQL"))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let visitor = visitor(&request)?;
        let body = actions::act(self, &visitor, request.into_inner()).await?;
        let results = body.map(|body| Ok(arrow_flight::Result { body }));
        Ok(Response::new(stream::iter(results).boxed()))
    }

    async fn list_actions(&self, _request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(stream::iter(actions::all().map(Ok)).boxed()))
    }
}

impl Service {
    /// What there is to fetch for a command.
    async fn info(&self, visitor: &Arc<Visitor>, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
        let (schema, ticket) = match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(asked) => {
                refusals::transaction(asked.transaction_id.as_ref())?;
                self.ticket(visitor, Statement::of_sql(visitor, &asked.query).await?)?
            }
            Command::CommandPreparedStatementQuery(asked) => {
                self.ticket(visitor, self.prepared(visitor, &asked)?.statement()?)?
            }
            asked => (encoded(Some(metadata::schema(&self.server, &asked)?.as_ref()))?, descriptor.cmd.clone()),
        };
        let mut info = FlightInfo::new().with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket)));
        info.schema = schema;
        Ok(info.with_descriptor(descriptor).with_ordered(true))
    }

    /// The columns of a statement, and what its rows are fetched with.
    fn ticket(&self, visitor: &Visitor, statement: Statement) -> Result<(Bytes, Bytes), Status> {
        let schema = encoded(statement.columns().map(AsRef::as_ref))?;
        let place = self.server.places.enter(visitor.name())?;
        let handle = place.handle();
        self.server.statements.put_under(&handle, visitor.name(), (statement, place));
        let ticket = TicketStatementQuery { statement_handle: Bytes::copy_from_slice(&handle) };
        Ok((schema, ticket.as_any().encode_to_vec().into()))
    }

    /// A statement that was prepared.
    pub(super) fn prepared(&self, visitor: &Visitor, asked: &CommandPreparedStatementQuery) -> Result<Arc<Prepared>, Status> {
        self.server.prepared.get(visitor.name(), &asked.prepared_statement_handle).ok_or_else(|| {
            Status::not_found(
                "there is no such prepared statement, or it was closed, or not used for too long\nhint: prepare it again",
            )
        })
    }
}

/// The rows of a statement.
async fn fetched(statement: Statement, place: Place) -> Result<Response<Messages>, Status> {
    let running = statement.start(place).await?;
    Ok(Response::new(rows::messages(running.schema(), running.batches())))
}

/// Who calls, as the gate found out.
fn visitor<T>(request: &Request<T>) -> Result<Arc<Visitor>, Status> {
    let visitor = request.extensions().get::<Arc<Visitor>>();
    visitor.map(Arc::clone).ok_or_else(|| Error::bug("a call came past the gate").into())
}

/// What is asked for.
pub(super) fn command(bytes: &[u8]) -> Result<Command, Status> {
    let wrong = |what: String| Status::invalid_argument(format!("this is no command of Flight SQL: {what}"));
    let any = Any::decode(bytes).map_err(|error| wrong(error.to_string()))?;
    Command::try_from(any).map_err(|error| wrong(error.to_string()))
}

/// The bytes of columns; none of columns that are not known.
pub(super) fn encoded(schema: Option<&Schema>) -> Result<Bytes, Status> {
    let Some(schema) = schema else { return Ok(Bytes::new()) };
    let encoded = IpcMessage::try_from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()));
    Ok(encoded.map_err(|error| Error::bug("columns cannot be told").caused_by(error))?.0)
}

fn put(result: &impl Message) -> Response<Several<PutResult>> {
    one(PutResult { app_metadata: result.encode_to_vec().into() })
}

/// The rows that a client sends, as they come.
fn batches(data: Peekable<Streaming<FlightData>>) -> impl Stream<Item = Result<RecordBatch, Status>> {
    let data = data.map(|data| data.map_err(FlightError::from).and_then(uncompressed));
    let rows = FlightRecordBatchStream::new_from_flight_data(data);
    // Messages that contradict themselves make their reader panic.
    AssertUnwindSafe(rows).catch_unwind().map(|batch| match batch {
        Ok(Ok(batch)) => Ok(batch),
        Ok(Err(FlightError::Tonic(status))) => Err(*status),
        Ok(Err(wrong)) => Err(Status::invalid_argument(format!("the values cannot be read: {wrong}"))),
        Err(_panic) => Err(Status::invalid_argument("the values cannot be read: their message contradicts itself")),
    })
}

/// Data, unless it says itself how much memory it takes when it is read.
fn uncompressed(data: FlightData) -> Result<FlightData, FlightError> {
    let is_compressed = root_as_message(&data.data_header).is_ok_and(|message| {
        let of_dictionary = || message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        message.header_as_record_batch().or_else(of_dictionary).is_some_and(|batch| batch.compression().is_some())
    });
    if is_compressed { Err(FlightError::DecodeError("they are compressed".to_owned())) } else { Ok(data) }
}
