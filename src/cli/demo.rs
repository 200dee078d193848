//! `ckosql demo`: a guided tour of the demo merchant. Each query is shown, then its answer, then what it cost.

use std::fmt::Write as _;
use std::io::Write;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;

use super::reconcile::{brief, left_by};
use super::{Global, open, terminal};
use crate::engine::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::matching::explain::explain;
use crate::matching::files::with_shipped;
use crate::matching::rule::Rule;
use crate::output::{Format, writer};
use crate::shell::answer::collect;
use crate::shell::failure::Failure;
use crate::shell::paint::Paint;
use crate::shell::pipe::{Pipe, Reader};
use crate::shell::progress::Progress;

/// The queries, in the order of the story. `$payment_id` is the first payment that an answer before named.
const STORY: [&str; 9] = [
    include_str!("../../sql/reports/payments_by_currency.sql"),
    include_str!("../../sql/reports/captured_and_refunded.sql"),
    include_str!("../../sql/reports/declines_by_response.sql"),
    include_str!("../../sql/reports/disputes_by_status.sql"),
    include_str!("../../sql/reports/latest_disputes.sql"),
    include_str!("../../sql/reports/payment_history.sql"),
    include_str!("../../sql/reports/payment_effects.sql"),
    include_str!("../../sql/reports/balances_now.sql"),
    include_str!("../../sql/reports/latest_reports.sql"),
];

/// How the flows are run.
const RECONCILE: &str = "ckosql reconcile --demo --dry-run order_to_payment payout_to_bank";
/// Those with the merchant's own side.
const FLOWS: [&str; 2] = ["order_to_payment", "payout_to_bank"];
const MATCHED: &str = "Its orders and its bank statements, held against all that: what ties out, and what does not.";
const WHY: &str = "Why one of them does not.";
/// The reason of the row that is explained.
const TOLD: &str = "REFERENCE_CONFLICT";

const CLOSING: &str = "\
What next:
  ckosql shell --demo                                          ask your own questions of this merchant
  ckosql query --demo \"select * from payments limit 3\" --format json
  ckosql reconcile --demo --dry-run payout_to_bank --show exceptions
  export CHECKOUT_SECRET_KEY=sk_…                              a key that may read your account, and then
  ckosql query \"select count(*) from payments where requested_on >= now() - interval '1 day'\"
";

/// Tells the story.
///
/// # Errors
/// Those of the queries; the demo merchant gives none.
pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    let seed = global.demo.unwrap_or(1);
    let opened = open::open_demo(global, seed)?;
    let session = opened.engine.session()?;
    let mut out = Pipe::stdout();
    let payments = open::demo_merchant(seed).payments;
    let tour = Tour { global, payments, engine: &opened.engine, session: &session, paint: terminal::paint_of_stdout(global) };
    let outcome = tour.tell(&mut out).await;
    if out.reader() == Reader::Gone { Ok(()) } else { outcome }
}

struct Tour<'a> {
    global: &'a Global,
    payments: u64,
    engine: &'a Engine,
    session: &'a Session,
    paint: Paint,
}

impl Tour<'_> {
    async fn tell(&self, out: &mut Pipe) -> Result<(), Failure> {
        say(out, &opening(self.payments))?;
        let mut payment_id = None;
        for text in STORY {
            let (title, sql) = parts(text)?;
            let sql = match &payment_id {
                Some(id) => sql.replace("$payment_id", &format!("'{id}'")),
                None => sql,
            };
            say(out, &format!("\n{}\n\n{}\n", self.paint.bold(title), indented(&sql)))?;
            let found = self.answer(&sql, out).await.map_err(|error| Failure::in_sql(error, &sql))?;
            payment_id = payment_id.or(found);
        }
        self.reconcile(out).await?;
        Ok(say(out, &format!("\n{CLOSING}"))?)
    }

    /// Matches the merchant's orders and bank statements, and explains one row that does not tie out.
    async fn reconcile(&self, out: &mut Pipe) -> Result<()> {
        say(out, &format!("\n{}\n\n  {RECONCILE}\n\n", self.paint.bold(MATCHED)))?;
        let mut progress = Progress::start(self.engine, terminal::progress(self.global));
        let as_of = self.engine.clock().now().date_naive().to_epoch_days();
        let rules: Vec<Rule> = with_shipped(None)?.into_iter().filter(|rule| FLOWS.contains(&rule.flow.as_str())).collect();
        let outcome = self.session.run_rules(&rules, as_of).await?;
        progress.stop().await;
        let rows = brief(&outcome)?;
        let mut writer = writer(Format::Table, &rows.schema(), &mut *out)?;
        writer.write(&rows)?;
        writer.finish()?;
        let Some((flow, id)) = left_by(&outcome, TOLD)? else { return Ok(()) };
        let told = indented(&explain(&outcome, id)?);
        say(out, &format!("\n{}\n\n  ckosql rules explain --demo --flow {flow} {id}\n\n{told}", self.paint.bold(WHY)))
    }

    /// Prints an answer and its cost; gives the first payment it names.
    async fn answer(&self, sql: &str, out: &mut Pipe) -> Result<Option<String>> {
        let before = self.engine.activity().requests;
        let mut progress = Progress::start(self.engine, terminal::progress(self.global));
        let (schema, batches) = collect(self.session, sql).await?;
        progress.stop().await;
        let mut writer = writer(Format::Table, &schema, &mut *out)?;
        for batch in &batches {
            writer.write(batch)?;
        }
        writer.finish()?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let requests = self.engine.activity().requests.saturating_sub(before);
        say(out, &format!("{}\n", self.paint.dim(&format!("rows: {rows}, requests: {requests}"))))?;
        Ok(batches.first().and_then(first_payment))
    }
}

fn opening(payments: u64) -> String {
    format!(
        "This is a made-up merchant with {} payments. Its Checkout.com account is served by this program itself;\n\
         everything below reads it over HTTP, as it would read yours.\n",
        grouped(payments)
    )
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a report is about, by its header, and its SQL without the header.
fn parts(text: &'static str) -> Result<(&'static str, String)> {
    let about = text.lines().find_map(|line| line.strip_prefix("-- about: "));
    let about = about.ok_or_else(|| Error::bug("a shipped report does not say what it is about"))?;
    let sql: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    Ok((about, sql.join("\n")))
}

fn first_payment(batch: &RecordBatch) -> Option<String> {
    let column = arrow::compute::cast(batch.column_by_name("payment_id")?, &DataType::Utf8).ok()?;
    column.as_string::<i32>().iter().next().flatten().map(str::to_owned)
}

fn indented(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    for line in sql.lines() {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "  {line}");
    }
    text
}

fn say(out: &mut Pipe, text: &str) -> Result<()> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::new(ErrorKind::File, "cannot write to standard output").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_comma_before_every_three_digits() {
        assert_eq!([0, 999, 1000, 123_456, 1_234_567].map(grouped), ["0", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn every_report_has_a_whole_header() {
        for text in STORY {
            for key in ["name", "about", "grain", "keys", "money", "params"] {
                assert!(text.contains(&format!("-- {key}: ")), "{key} is missing in {text}");
            }
            let (about, sql) = parts(text).unwrap();
            assert!(about.ends_with('.') && sql.starts_with("select"), "{text}");
        }
    }
}
