//! Actions: statements that are prepared and closed, what is cancelled, and what is set for a session.

use std::sync::Arc;

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, Command, ProstMessageExt,
};
use arrow_flight::{Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use super::service::{Service, command, encoded};
use super::statement::Prepared;
use super::visitor::Visitor;
use super::{options, refusals};

/// What there is to do, and what it does.
const ACTIONS: [(&str, &str); 7] = [
    ("CreatePreparedStatement", "Prepares a statement"),
    ("ClosePreparedStatement", "Forgets a statement that was prepared"),
    ("CancelFlightInfo", "Stops a statement, or forgets one whose rows were not fetched"),
    ("CancelQuery", "As CancelFlightInfo"),
    ("SetSessionOptions", "Changes settings of the session"),
    ("GetSessionOptions", "Tells the settings of the session"),
    ("CloseSession", "Forgets the token, and what belongs to its session"),
];

/// The actions there are.
pub(super) fn all() -> impl Iterator<Item = ActionType> {
    ACTIONS.into_iter().map(|(name, about)| ActionType { r#type: name.to_owned(), description: about.to_owned() })
}

/// Does something; what is said of it, where anything is.
///
/// # Errors
/// A refusal, or that something is not there.
pub(super) async fn act(service: &Service, visitor: &Arc<Visitor>, action: Action) -> Result<Option<Bytes>, Status> {
    let body = action.body;
    match action.r#type.as_str() {
        "CreatePreparedStatement" => prepare(service, visitor, &unpacked(&body)?).await.map(Some),
        "ClosePreparedStatement" => {
            let asked: ActionClosePreparedStatementRequest = unpacked(&body)?;
            // One that is not there any more is closed.
            service.server.prepared.take(visitor.name(), &asked.prepared_statement_handle);
            Ok(None)
        }
        "CancelFlightInfo" => {
            let asked: CancelFlightInfoRequest = decoded(&body)?;
            let status = cancel(service, visitor, asked.info)?;
            Ok(Some(CancelFlightInfoResult::new(status).encode_to_vec().into()))
        }
        "CancelQuery" => {
            let asked: ActionCancelQueryRequest = unpacked(&body)?;
            let result = cancel(service, visitor, Some(decoded(&asked.info)?))?;
            Ok(Some(ActionCancelQueryResult { result: result.into() }.as_any().encode_to_vec().into()))
        }
        "SetSessionOptions" => Ok(Some(options::set(visitor, decoded(&body)?).await)),
        "GetSessionOptions" => Ok(Some(options::get(visitor))),
        "CloseSession" => Ok(Some(options::close(&service.server, visitor))),
        "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => Err(refusals::transactions()),
        "CreatePreparedSubstraitPlan" => Err(refusals::substrait()),
        other => Err(Status::unimplemented(format!("there is no action {other}"))),
    }
}

async fn prepare(
    service: &Service,
    visitor: &Arc<Visitor>,
    asked: &ActionCreatePreparedStatementRequest,
) -> Result<Bytes, Status> {
    refusals::transaction(asked.transaction_id.as_ref())?;
    let prepared = Prepared::of_sql(visitor, &asked.query).await?;
    let dataset_schema = encoded(prepared.columns().as_deref())?;
    let parameter_schema = encoded(Some(&prepared.parameters()))?;
    let handle = service.server.prepared.put(visitor.name(), Arc::new(prepared))?;
    let prepared_statement_handle = Bytes::copy_from_slice(&handle);
    let result = ActionCreatePreparedStatementResult { prepared_statement_handle, dataset_schema, parameter_schema };
    Ok(result.as_any().encode_to_vec().into())
}

/// Stops the statement of a flight, whether its rows are being fetched or not.
fn cancel(service: &Service, visitor: &Visitor, info: Option<FlightInfo>) -> Result<CancelStatus, Status> {
    let mut is_found = false;
    for ticket in info.into_iter().flat_map(|info| info.endpoint).filter_map(|endpoint| endpoint.ticket) {
        if let Command::TicketStatementQuery(ticket) = command(&ticket.ticket)? {
            is_found |= service.server.places.cancel(visitor.name(), &ticket.statement_handle);
            service.server.statements.take(visitor.name(), &ticket.statement_handle);
        }
    }
    if is_found { Ok(CancelStatus::Cancelled) } else { Err(Status::not_found("there is no such statement, or it is done")) }
}

/// A message that is packed with its name.
fn unpacked<M: ProstMessageExt>(body: &[u8]) -> Result<M, Status> {
    let any: Any = decoded(body)?;
    let message = any.unpack().map_err(|error| wrong(&error.to_string()))?;
    message.ok_or_else(|| wrong(&format!("{} is not {}", any.type_url, M::type_url())))
}

fn decoded<M: Message + Default>(body: &[u8]) -> Result<M, Status> {
    M::decode(body).map_err(|error| wrong(&error.to_string()))
}

fn wrong(what: &str) -> Status {
    Status::invalid_argument(format!("the action's body cannot be read: {what}"))
}
