//! Arrow Flight SQL over loopback, from the SQL to the last row in a client, which shares the cores with the server. Beside
//! it the same rows as the engine alone makes them.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::sql::client::FlightSqlServiceClient;
use ckosql::door::listener::Limits;
use ckosql::door::{Admission, Listener};
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::flight::{Options, Server};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

const ROWS: u64 = 2_000_000;
/// A number and four amounts, of 16 bytes each.
const BYTES: u64 = ROWS * (8 + 4 * 16);

fn sql() -> String {
    let amounts: Vec<_> = (1..=4).map(|number| format!("value::decimal(38, 8) as amount_{number}")).collect();
    format!("select value, {} from generate_series(1, {ROWS}) as t(value)", amounts.join(", "))
}

fn counted(batch: &RecordBatch) -> u64 {
    u64::try_from(batch.num_rows()).unwrap()
}

async fn client(engine: &Engine, stop: &CancellationToken) -> FlightSqlServiceClient<Channel> {
    let limits = Limits { connections: 8, drain: Duration::from_secs(1) };
    let (login_timeout, token_life) = (Duration::from_secs(60), Duration::from_secs(60));
    let options = Options { admission: Admission::Anybody, tls: None, limits, login_timeout, token_life };
    let server = Server::try_new(engine.clone(), options).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    let stopped = stop.clone();
    tokio::spawn(async move { server.serve(listener, &stopped).await });
    FlightSqlServiceClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

async fn fetched(mut client: FlightSqlServiceClient<Channel>, sql: String) -> u64 {
    let info = client.execute(sql, None).await.unwrap();
    let ticket = info.endpoint.into_iter().next().unwrap().ticket.unwrap();
    let mut rows = client.do_get(ticket).await.unwrap();
    let mut count = 0;
    while let Some(batch) = rows.try_next().await.unwrap() {
        count += counted(&batch);
    }
    count
}

fn rows(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let engine = Engine::try_new(Config::default()).unwrap();
    let stop = CancellationToken::new();
    let client = runtime.block_on(client(&engine, &stop));
    let mut group = criterion.benchmark_group("flight");
    group.sample_size(10).throughput(Throughput::Bytes(BYTES));
    group.bench_function("made_and_fetched", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(fetched(client.clone(), sql())), ROWS));
    });
    group.bench_function("made", |bencher| {
        bencher.iter(|| {
            let made = runtime.block_on(async {
                let answer = engine.session().unwrap().query(&sql()).await.unwrap();
                let mut count = 0;
                let mut batches = answer.batches;
                while let Some(batch) = batches.try_next().await.unwrap() {
                    count += counted(&batch);
                }
                count
            });
            assert_eq!(made, ROWS);
        });
    });
    group.finish();
    stop.cancel();
}

criterion_group!(benches, rows);
criterion_main!(benches);
