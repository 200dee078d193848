//! Rows of the kept tables, column by column.

use arrow::array::{Array, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};

use super::super::cells::{flags, hop, is_set, needed, owned, primitives, text, texts, value};
use super::super::rows::{OUT_OF_SCOPE, side_of};
use super::super::state::{Entry, Known, Left, Line, Rest, Status, Values, Why};
use crate::error::{Error, Result};
use crate::matching::assign::Side;

/// Changes of matches.
#[derive(Debug)]
pub(super) struct Matches {
    id: StringArray,
    hop: Int64Array,
    rule: StringArray,
    version: StringArray,
    status: StringArray,
    score: Int64Array,
    margin: Int64Array,
    why: StringArray,
    rest_kind: StringArray,
    rest_amount: Decimal128Array,
    rest_currency: StringArray,
    rest_account: StringArray,
    decision: Int64Array,
    first_run: Int64Array,
    first_seen: Date32Array,
    last_run: Int64Array,
    is_kept: BooleanArray,
    superseded_by: StringArray,
    lines_run: StringArray,
    fingerprint: Int64Array,
}

impl Matches {
    pub(super) fn of(rows: &RecordBatch) -> Result<Self> {
        Ok(Self {
            id: texts(rows, "match_id")?,
            hop: primitives(rows, "hop")?,
            rule: texts(rows, "rule_id")?,
            version: texts(rows, "rule_version")?,
            status: texts(rows, "status")?,
            score: primitives(rows, "score")?,
            margin: primitives(rows, "margin")?,
            why: texts(rows, "why")?,
            rest_kind: texts(rows, "residual_kind")?,
            rest_amount: primitives(rows, "residual_amount")?,
            rest_currency: texts(rows, "residual_currency")?,
            rest_account: texts(rows, "residual_account")?,
            decision: primitives(rows, "override_id")?,
            first_run: primitives(rows, "first_run")?,
            first_seen: primitives(rows, "first_seen")?,
            last_run: primitives(rows, "last_run")?,
            is_kept: flags(rows, "is_kept")?,
            superseded_by: texts(rows, "superseded_by")?,
            lines_run: texts(rows, "lines_run_id")?,
            fingerprint: primitives(rows, "fingerprint")?,
        })
    }

    /// The run that has written its rows, by its id.
    pub(super) fn lines_run(&self, row: usize) -> Option<&str> {
        text(&self.lines_run, row)
    }

    /// The match, without its rows.
    pub(super) fn known(&self, row: usize) -> Result<Known> {
        let status = needed(&self.status, row)?;
        let rest = text(&self.rest_kind, row).zip(value(&self.rest_amount, row)).map(|(kind, amount)| Rest {
            kind: kind.to_owned(),
            amount,
            currency: owned(&self.rest_currency, row).unwrap_or_default(),
            account: owned(&self.rest_account, row),
        });
        Ok(Known {
            entry: Entry {
                id: needed(&self.id, row)?.to_owned(),
                hop: hop(&self.hop, row)?,
                rule: needed(&self.rule, row)?.to_owned(),
                version: needed(&self.version, row)?.to_owned(),
                status: Status::of(status).ok_or_else(|| Error::bug("a match of no status").with("status", status))?,
                score: value(&self.score, row),
                margin: value(&self.margin, row),
                why: owned(&self.why, row),
                rest,
                decision: value(&self.decision, row),
                lines: Vec::new(),
            },
            first_run: value(&self.first_run, row).unwrap_or_default(),
            first_seen: value(&self.first_seen, row).unwrap_or_default(),
            last_run: value(&self.last_run, row),
            is_kept: is_set(&self.is_kept, row),
            superseded_by: owned(&self.superseded_by, row),
            lines_run: needed(&self.lines_run, row)?.to_owned(),
            has_fingerprint: value(&self.fingerprint, row).is_some(),
        })
    }
}

/// Rows of matches.
#[derive(Debug)]
pub(super) struct Lines {
    run: StringArray,
    of_match: StringArray,
    side: StringArray,
    table: StringArray,
    id: StringArray,
    values: Compared,
    compared_day: Date32Array,
}

impl Lines {
    pub(super) fn of(rows: &RecordBatch) -> Result<Self> {
        Ok(Self {
            run: texts(rows, "run_id")?,
            of_match: texts(rows, "match_id")?,
            side: texts(rows, "side")?,
            table: texts(rows, "table")?,
            id: texts(rows, "line_id")?,
            values: Compared::of(rows, "allocated_amount")?,
            compared_day: primitives(rows, "compared_day")?,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.id.len()
    }

    /// The run that has written one, by its id.
    pub(super) fn run(&self, row: usize) -> Option<&str> {
        text(&self.run, row)
    }

    /// The match that it is of.
    pub(super) fn of_match(&self, row: usize) -> Result<&str> {
        needed(&self.of_match, row)
    }

    pub(super) fn line(&self, row: usize) -> Result<Line> {
        Ok(Line {
            side: side_of(text(&self.side, row)).unwrap_or(Side::Left),
            table: needed(&self.table, row)?.to_owned(),
            id: needed(&self.id, row)?.to_owned(),
            values: self.values.get(row),
            compared_day: value(&self.compared_day, row),
        })
    }
}

/// Changes of why rows are left.
#[derive(Debug)]
pub(super) struct Exceptions {
    scope: StringArray,
    reason: StringArray,
    rule: StringArray,
    detail: StringArray,
    candidate_table: StringArray,
    candidate_count: Int64Array,
    candidates: StringArray,
    due: Date32Array,
    values: Compared,
    first_run: Int64Array,
    first_seen: Date32Array,
    fingerprint: Int64Array,
}

impl Exceptions {
    pub(super) fn of(rows: &RecordBatch) -> Result<Self> {
        Ok(Self {
            scope: texts(rows, "scope")?,
            reason: texts(rows, "reason_code")?,
            rule: texts(rows, "rule_id")?,
            detail: texts(rows, "detail")?,
            candidate_table: texts(rows, "candidate_table")?,
            candidate_count: primitives(rows, "candidate_count")?,
            candidates: texts(rows, "candidate_ids")?,
            due: primitives(rows, "due")?,
            values: Compared::of(rows, "amount")?,
            first_run: primitives(rows, "first_run")?,
            first_seen: primitives(rows, "first_seen")?,
            fingerprint: primitives(rows, "fingerprint")?,
        })
    }

    /// Why it is left; nothing where it is not any more.
    pub(super) fn left(&self, row: usize) -> Result<Option<Left>> {
        let Some(scope) = text(&self.scope, row) else { return Ok(None) };
        Ok(Some(Left {
            why: Why {
                is_out_of_scope: scope == OUT_OF_SCOPE,
                reason: needed(&self.reason, row)?.to_owned(),
                rule: owned(&self.rule, row),
                detail: owned(&self.detail, row),
                candidate_table: owned(&self.candidate_table, row),
                candidate_count: value(&self.candidate_count, row).unwrap_or_default(),
                candidates: owned(&self.candidates, row),
                due: value(&self.due, row),
                values: self.values.get(row),
            },
            first_run: value(&self.first_run, row).unwrap_or_default(),
            first_seen: value(&self.first_seen, row).unwrap_or_default(),
            has_fingerprint: value(&self.fingerprint, row).is_some(),
        }))
    }
}

/// What rules compare of rows.
#[derive(Debug)]
struct Compared {
    amount: Decimal128Array,
    currency: StringArray,
    day: Date32Array,
}

impl Compared {
    fn of(rows: &RecordBatch, amount: &str) -> Result<Self> {
        Ok(Self { amount: primitives(rows, amount)?, currency: texts(rows, "currency")?, day: primitives(rows, "day")? })
    }

    fn get(&self, row: usize) -> Values {
        Values { amount: value(&self.amount, row), currency: owned(&self.currency, row), day: value(&self.day, row) }
    }
}
