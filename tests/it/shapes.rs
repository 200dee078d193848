//! The README's table of query shapes: each makes the requests it says, and was priced right before it made them.

use std::collections::BTreeMap;
use std::fmt::Write;

use ckosql::sandbox::{LoggedRequest, SandboxOptions, Site};
use ckosql::source::estimate::Basis;

use crate::stand::Stand;

const README: &str = include_str!("../../README.md");
const HEAD: &str = "| Query | Requests |\n|---|---|\n";

/// The rows of the README's table: SQL and requests.
fn rows() -> Vec<(String, String)> {
    let (_, table) = README.split_once(HEAD).expect("the README has the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let (sql, requests) = line.trim_matches('|').trim().rsplit_once(" | ").expect("a row has two cells");
        (sql.trim().trim_matches('`').replace("\\|", "|"), requests.trim().to_owned())
    };
    rows.map(row).collect()
}

/// The requests of a query as the README writes them: equal ones counted, ids and paging unsaid.
fn spelled(requests: &[LoggedRequest]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in requests {
        let is_id = |part: &str| part.contains(['_', '@', '%']) || part.len() > 16 && !part.contains('-');
        let path: Vec<&str> = request.path.split('/').map(|part| if is_id(part) { "…" } else { part }).collect();
        let paging = ["limit", "skip", "pagination_token", "token", "withCurrencyAccountId"];
        let names = request.query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
        let names: Vec<String> = names.filter(|name| !paging.contains(name)).map(|name| format!("{name}=…")).collect();
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let terms = body["query"].as_str().filter(|terms| *terms != "amount:>=0").map(|terms| format!(" {terms}"));
        let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
        let shown = format!("{} {}{query}{}", request.method, path.join("/"), terms.unwrap_or_default());
        *counts.entry(shown).or_default() += 1;
    }
    let parts: Vec<String> = counts.into_iter().map(|(request, count)| format!("{count} × `{request}`")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_s_shapes_make_the_requests_it_says_and_cost_what_was_foreseen() {
    let rows = rows();
    assert!(rows.len() >= 40, "{} shapes", rows.len());
    let (mut table, mut wrong) = (String::new(), String::new());
    for (sql, said) in &rows {
        // A stand of its own for each: what an engine has learnt of an account must not help.
        let stand = Stand::new(10_000, SandboxOptions::default());
        let (foreseen, basis) = stand.engine.session().unwrap().price(sql).await.unwrap().total();
        stand.sandbox.reset_log();
        stand.query(sql).await.unwrap();
        let mut requests = stand.sandbox.requests();
        // Not the API's: what it redirects to.
        requests.retain(|request| request.site != Site::Storage);
        let made = requests.len() as u64;
        let is_near = match basis {
            Basis::Exact => foreseen == made,
            Basis::About => foreseen.abs_diff(made) * 5 <= made,
            Basis::AtMost => made <= foreseen,
            Basis::AtLeast => made >= foreseen,
        };
        if !is_near {
            writeln!(wrong, "{basis:?} {foreseen} were foreseen, {made} made: {sql}").unwrap();
        }
        let now = spelled(&requests);
        if now != *said {
            writeln!(wrong, "the README says {said}: {sql}").unwrap();
        }
        writeln!(table, "| `{}` | {now} |", sql.replace('|', "\\|")).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}\nThe table as it is:\n\n{HEAD}{table}");
}
