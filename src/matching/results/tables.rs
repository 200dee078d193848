//! The tables of what was found: those that are kept, and what is shown of them in schema `recon`.
//!
//! Kept tables are only added to. Each row of them says which run has written it, and rows of a run that did not come to its
//! end are never shown: a view takes the rows of the runs in `runs`, and of those the last change of each thing.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE};
use crate::schema::fields::{COMMENT, instant};

/// A column: its name, its type, and what it means.
pub(super) type Column = (&'static str, fn() -> DataType, &'static str);

/// A table that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column],
    /// The SELECT of the changes that count, of tables in a schema `kept`, where it is a table of changes.
    pub(super) newest: Option<&'static str>,
}

/// What is shown of kept tables.
#[derive(Debug)]
pub struct View {
    /// Its name in SQL.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns; the first of them are its key.
    pub(super) columns: &'static [Column],
    /// How many they are.
    pub keys: usize,
    /// Its SELECT, of tables in a schema `kept`.
    pub(super) sql: &'static str,
    /// Those tables.
    pub(super) needs: &'static [&'static Kept],
}

impl View {
    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        schema(self.columns)
    }
}

impl Kept {
    pub(super) fn schema(&self) -> SchemaRef {
        schema(self.columns)
    }
}

fn schema(columns: &[Column]) -> SchemaRef {
    let field = |(name, data_type, about): &Column| {
        Field::new(*name, data_type(), true).with_metadata([(COMMENT.to_owned(), (*about).to_owned())].into())
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn text() -> DataType {
    DataType::Utf8
}

fn number() -> DataType {
    DataType::Int64
}

fn flag() -> DataType {
    DataType::Boolean
}

fn day() -> DataType {
    DataType::Date32
}

pub(super) fn money() -> DataType {
    DataType::Decimal128(DECIMAL_PRECISION, i8::try_from(DECIMAL_SCALE).unwrap_or_default())
}

/// The column whose values have folders of their own.
pub(super) const FLOW: &str = "flow";

const RUN_ID: Column = ("run_id", text, "The run that has written the row.");
const FLOW_OF: Column = (FLOW, text, "The flow.");
const RUN: Column = ("run", number, "The number of the run among those of the flow, from 1.");
const HOP: Column = ("hop", number, "The hop of the flow.");
const MATCH_ID: Column =
    ("match_id", text, "The match: the same whenever the same rows are matched by the same version of a rule.");
const RULE_ID: Column = ("rule_id", text, "The rule; of what people have put together one that compares these tables.");
const RULE_VERSION: Column =
    ("rule_version", text, "Hash of the rule's header and SELECT; `by hand` of what people have put together.");
const SHAPE: Column = (
    "shape",
    text,
    "How many of the left are with how many of the right: one_to_one, many_to_one, one_to_many, bucket, one_sided.",
);
const STATUS: Column = ("status", text, "confirmed, suggested (for a person to decide), or withdrawn.");
const SCORE: Column = ("score", number, "The score, where the rule gives one.");
const MARGIN: Column =
    ("margin", number, "By how much that was better than the next of either row; none where there was no other, or no score.");
const DUE: Column = ("due", day, "The last day on which a rule looks for its counterpart, where one looks within days of it.");
const OWNER: Column = ("owner", text, "Who is to see to it.");
const TOLERANCE: Column = ("tolerance", text, "How exactly an identity of the books is to hold.");
const SUBJECT: Column =
    ("subject", text, "What an identity of the books does not hold of: its day, and an account, a payout, an action.");
const WHY: Column = ("why", text, "What the rule, or the person, says of it.");
const OVERRIDE_ID: Column = ("override_id", number, "The decision of a person that made it.");
const IS_KEPT: Column = ("is_kept", flag, "Whether it is there only because its period is closed.");
const SUPERSEDED_BY: Column = ("superseded_by", text, "The match of the same rows that took its place.");
const EVENT: Column =
    ("event", text, "created, confirmed, changed, restated, restored, withdrawn, superseded, or LATE_CHANGE_TO_CLOSED_PERIOD.");
const CAUSE: Column = ("cause", text, "late_data, restatement, rule_change or override; none of what is simply new.");
const SIDE: Column = ("side", text, "left or right.");
const TABLE: Column = ("table", text, "The table of the row, by the name that rules have for it.");
const LINE_ID: Column = ("line_id", text, "The row: its key in that table.");
const CURRENCY: Column = ("currency", text, "The currency.");
const AMOUNT: Column = ("amount", money, "The amount that rules compare, major units.");
const MATCH_AMOUNT: Column = ("amount", money, "The sum of its left side, major units; none where no amounts are compared.");
const DAY: Column = ("day", day, "The day that rules compare.");
const FIRST_RUN: Column = ("first_run", number, "The number of the run that found it first.");
const FIRST_SEEN: Column = ("first_seen", day, "The day of that run.");
const REASON: Column = ("reason_code", text, "Why it is left.");
const DETAIL: Column = ("detail", text, "What there is to say of it.");
const CANDIDATES: Column = ("candidate_ids", text, "Some of the rows it could belong to, with blanks between them.");
const CANDIDATE_TABLE: Column = ("candidate_table", text, "The table of those.");
const CANDIDATE_COUNT: Column = ("candidate_count", number, "How many there are.");
const RESIDUAL_KIND: Column =
    ("residual_kind", text, "What is left of the amounts: DUST, TOLERANCE, FEE, FX, WRITE_OFF, SHORT or OVER.");
const RESIDUAL_AMOUNT: Column = ("residual_amount", money, "Left less right, major units.");
const RESIDUAL_CURRENCY: Column = ("residual_currency", text, "Its currency.");
const FINGERPRINT: Column =
    ("fingerprint", number, "What it comes to, as a number; none where a run of an older version has not told it.");
const SCOPE: Column = ("scope", text, "exception, or out_of_scope; none from when the row is neither.");
const WHO: Column = ("who", text, "Who has decided it.");
const DECISION_ID: Column = ("override_id", number, "The decision, from 1; the later one wins.");
const ACTION: Column = ("action", text, "match, unmatch, exclude, comment, writeoff, assign or retract.");
const WHY_DECIDED: Column = ("why", text, "Why.");
const ACCOUNT: Column = ("account", text, "Where a difference is written off to.");
const RETRACTS: Column = ("retracts", number, "The decision that no longer counts.");
const MADE_AT: Column = ("made_at", instant, "When it was decided.");

const EXCEPTION_EVENT: Column = (
    "event",
    text,
    "`restated` where the row itself has changed; `LATE_CHANGE_TO_CLOSED_PERIOD` where its closed period keeps it from a match.",
);

pub(super) static RUNS: Kept = Kept {
    name: "runs",
    about: "One row per run of a flow that came to its end.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        RUN,
        ("as_of", day, "The day that the run was of."),
        ("started", instant, "When it began."),
        ("ended", instant, "When it was recorded."),
        (
            "unchanged_since",
            number,
            "The number of the run that found the same of the same; nothing else is written of this one.",
        ),
        ("matched", number, "Matches that stand."),
        ("suggested", number, "Matches that a person may decide."),
        ("exceptions", number, "Rows that are left."),
        ("out_of_scope", number, "Rows that nothing is expected for."),
        ("created", number, "Matches that this run has made, or found again."),
        ("withdrawn", number, "Matches that this run has withdrawn or superseded."),
        ("rules", text, "Hash of the versions of all rules."),
        ("inputs", text, "Hash of all that rules compare of the rows."),
        ("decisions", text, "Hash of the overrides and closed periods; none where there are none."),
        ("engine", text, "The version of ckosql."),
        (
            "goes_by",
            text,
            "Hash of all that its answer depends on besides the day and the decisions; none where that cannot be told.",
        ),
    ],
    newest: None,
};

pub(super) static RULE_VERSIONS: Kept = Kept {
    name: "rule_versions",
    about: "One row per version of a rule that has run.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        RUN,
        ("rule_id", text, "The rule."),
        RULE_VERSION,
        HOP,
        ("priority", number, "Its turn in the hop."),
        ("left_table", text, "The table of its left side."),
        ("right_table", text, "The table of its right side."),
        ("shape", text, "How many of the left go with how many of the right."),
        ("amount_test", text, "The amounts that it compares, and how far apart they may be."),
        ("window_test", text, "The days that it compares, and how far apart they may be."),
        ("residual", text, "What becomes of a difference."),
        ("sql_text", text, "Its SELECT."),
        ("loaded_at", instant, "When the first run with it began."),
    ],
    newest: None,
};

pub(super) static MATCHES: Kept = Kept {
    name: "matches",
    about: "One row per change of a match.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        RUN,
        MATCH_ID,
        HOP,
        SHAPE,
        RULE_ID,
        RULE_VERSION,
        STATUS,
        SCORE,
        WHY,
        RESIDUAL_KIND,
        RESIDUAL_AMOUNT,
        RESIDUAL_CURRENCY,
        ("residual_account", text, "Where it is booked to."),
        OVERRIDE_ID,
        FIRST_RUN,
        FIRST_SEEN,
        ("last_run", number, "The last run that had it, where it was withdrawn."),
        IS_KEPT,
        SUPERSEDED_BY,
        ("lines_run_id", text, "The run that has written its rows."),
        EVENT,
        CAUSE,
        ("event_detail", text, "What there is to say of the event."),
        MARGIN,
        MATCH_AMOUNT,
        CURRENCY,
        FINGERPRINT,
    ],
    newest: Some(include_str!("../../../sql/recon/newest/matches.sql")),
};

pub(super) static MATCH_LINES: Kept = Kept {
    name: "match_lines",
    about: "One row per row of a match, as it was when the match was found or last restated.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        MATCH_ID,
        SIDE,
        TABLE,
        LINE_ID,
        ("allocated_amount", money, "The amount of the row that counts for the match, major units."),
        CURRENCY,
        DAY,
        ("compared_day", day, "The day that the window of the rule compared."),
    ],
    newest: None,
};

pub(super) static EXCEPTIONS: Kept = Kept {
    name: "exceptions",
    about: "One row per change of why a row is left.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        RUN,
        HOP,
        TABLE,
        LINE_ID,
        SCOPE,
        REASON,
        RULE_ID,
        DETAIL,
        CANDIDATE_TABLE,
        CANDIDATE_COUNT,
        CANDIDATES,
        AMOUNT,
        CURRENCY,
        DAY,
        FIRST_RUN,
        FIRST_SEEN,
        EXCEPTION_EVENT,
        CAUSE,
        DUE,
        FINGERPRINT,
    ],
    newest: Some(include_str!("../../../sql/recon/newest/exceptions.sql")),
};

pub(super) static ASSERTIONS: Kept = Kept {
    name: "assertions",
    about: "One row per thing that had to be so of a run, or it would not have been recorded; and, where they were evaluated, per identity of \
            the books that held, and per thing that one did not hold of.",
    columns: &[
        RUN_ID,
        FLOW_OF,
        RUN,
        HOP,
        (
            "identity",
            text,
            "each_row_once, amounts_kept, matches_balance; or the number of an identity of the books, such as I4.",
        ),
        ("scope", text, "The table, the rule, or the check of schema checks."),
        CURRENCY,
        ("left_value", money, "What it is to be: rows, or major units."),
        ("right_value", money, "What it is."),
        ("rows", number, "How many rows, or matches, it is told of."),
        ("passed", flag, "Whether it is so."),
        TOLERANCE,
        SUBJECT,
    ],
    newest: None,
};

pub(super) static OVERRIDES: Kept = Kept {
    name: "overrides",
    about: "One row per row that a person has decided something of.",
    columns: &[DECISION_ID, MADE_AT, WHO, ACTION, FLOW_OF, SIDE, TABLE, LINE_ID, WHY_DECIDED, ACCOUNT, RETRACTS, OWNER],
    newest: None,
};

pub(super) static CLOSES: Kept = Kept {
    name: "closes",
    about: "One row per closing of the periods of a flow.",
    columns: &[
        ("close_id", number, "Its number, from 1; the last one of a flow counts."),
        MADE_AT,
        WHO,
        FLOW_OF,
        ("through", day, "The last day that is closed."),
    ],
    newest: None,
};

/// All that is shown.
pub static VIEWS: [View; 14] = [
    View {
        name: "runs",
        about: "One row per run of a flow that came to its end.",
        columns: RUNS.columns,
        keys: 1,
        sql: include_str!("../../../sql/recon/runs.sql"),
        needs: &[&RUNS],
    },
    View {
        name: "rule_versions",
        about: "One row per version of a rule that has run.",
        columns: &[
            ("rule_id", text, "The rule."),
            RULE_VERSION,
            FLOW_OF,
            HOP,
            ("priority", number, "Its turn in the hop."),
            ("left_table", text, "The table of its left side."),
            ("right_table", text, "The table of its right side."),
            ("shape", text, "How many of the left go with how many of the right."),
            ("amount_test", text, "The amounts that it compares, and how far apart they may be."),
            ("window_test", text, "The days that it compares, and how far apart they may be."),
            ("residual", text, "What becomes of a difference."),
            ("sql_text", text, "Its SELECT."),
            FIRST_RUN,
            ("loaded_at", instant, "When that run began."),
        ],
        keys: 2,
        sql: include_str!("../../../sql/recon/rule_versions.sql"),
        needs: &[&RUNS, &RULE_VERSIONS],
    },
    View {
        name: "matches",
        about: "One row per match, as of the last complete run of its flow; withdrawn ones stay.",
        columns: &[
            MATCH_ID,
            FLOW_OF,
            HOP,
            SHAPE,
            RULE_ID,
            RULE_VERSION,
            STATUS,
            SCORE,
            MARGIN,
            WHY,
            OVERRIDE_ID,
            FIRST_RUN,
            ("last_run", number, "The number of the last run that had it: the last of the flow, unless it was withdrawn."),
            FIRST_SEEN,
            IS_KEPT,
            SUPERSEDED_BY,
            MATCH_AMOUNT,
            CURRENCY,
        ],
        keys: 1,
        sql: include_str!("../../../sql/recon/matches.sql"),
        needs: &[&RUNS, &MATCHES],
    },
    View {
        name: "matches_history",
        about: "One row per change of a match, by any run.",
        columns: &[
            MATCH_ID,
            FLOW_OF,
            RUN,
            HOP,
            SHAPE,
            RULE_ID,
            RULE_VERSION,
            STATUS,
            SCORE,
            WHY,
            OVERRIDE_ID,
            RESIDUAL_KIND,
            RESIDUAL_AMOUNT,
            RESIDUAL_CURRENCY,
            IS_KEPT,
            SUPERSEDED_BY,
            EVENT,
            CAUSE,
        ],
        keys: 3,
        sql: include_str!("../../../sql/recon/matches_history.sql"),
        needs: &[&RUNS, &MATCHES],
    },
    View {
        name: "match_lines",
        about: "One row per row of a match.",
        columns: &[
            MATCH_ID,
            FLOW_OF,
            HOP,
            SIDE,
            TABLE,
            LINE_ID,
            ("allocated_amount", money, "The amount of the row that counts for the match, major units."),
            CURRENCY,
            DAY,
            ("status", text, "That of the match: confirmed, suggested or withdrawn."),
        ],
        keys: 6,
        sql: include_str!("../../../sql/recon/match_lines.sql"),
        needs: &[&RUNS, &MATCHES, &MATCH_LINES],
    },
    View {
        name: "residuals",
        about: "One row per match whose amounts leave something.",
        columns: &[
            MATCH_ID,
            FLOW_OF,
            ("kind", text, "DUST, TOLERANCE, FEE, FX, WRITE_OFF, SHORT or OVER."),
            ("amount", money, "Left less right, major units."),
            CURRENCY,
            ("account", text, "Where it is booked to."),
        ],
        keys: 1,
        sql: include_str!("../../../sql/recon/residuals.sql"),
        needs: &[&RUNS, &MATCHES],
    },
    View {
        name: "evidence",
        about: "One row per thing that the header of a rule has compared of a match that stands, or people had said of its rows.",
        columns: &[
            MATCH_ID,
            FLOW_OF,
            ("field", text, "amount, currency, day, or set apart: what people had said to be no candidate of its rows."),
            ("left_value", text, "Of the left side: the sum, the currency, the days, the rows that were set apart."),
            ("right_value", text, "Of the right side."),
            ("test", text, "What is to be so."),
            ("passed", flag, "Whether it is, what is left of the amounts included."),
        ],
        keys: 3,
        sql: include_str!("../../../sql/recon/evidence.sql"),
        needs: &[&RUNS, &RULE_VERSIONS, &MATCHES, &MATCH_LINES, &OVERRIDES],
    },
    View {
        name: "exceptions",
        about: "One row per row that no rule took, as of the last complete run of its flow.",
        columns: &[
            TABLE,
            LINE_ID,
            FLOW_OF,
            HOP,
            REASON,
            RULE_ID,
            DETAIL,
            CANDIDATE_TABLE,
            CANDIDATE_COUNT,
            CANDIDATES,
            AMOUNT,
            CURRENCY,
            DAY,
            FIRST_RUN,
            FIRST_SEEN,
            ("age_days", number, "Days from its day to that of the run; from when it was first seen where it has none."),
            ("ageing", text, "The same in bands: 0-1, 2-3, 4-7, 8-30, 31-90, 90+."),
            DUE,
            ("owner", text, "Who is to see to it, as people have assigned it."),
        ],
        keys: 4,
        sql: include_str!("../../../sql/recon/exceptions.sql"),
        needs: &[&RUNS, &EXCEPTIONS, &OVERRIDES],
    },
    View {
        name: "exceptions_history",
        about: "One row per change of why a row is left, by any run.",
        columns: &[
            TABLE,
            LINE_ID,
            FLOW_OF,
            RUN,
            HOP,
            SCOPE,
            REASON,
            RULE_ID,
            DETAIL,
            CANDIDATES,
            AMOUNT,
            CURRENCY,
            DAY,
            EXCEPTION_EVENT,
        ],
        keys: 5,
        sql: include_str!("../../../sql/recon/exceptions_history.sql"),
        needs: &[&RUNS, &EXCEPTIONS],
    },
    View {
        name: "out_of_scope",
        about: "One row per row that nothing is expected for, as a rule or a person says.",
        columns: &[TABLE, LINE_ID, FLOW_OF, HOP, REASON, RULE_ID, DETAIL, AMOUNT, CURRENCY, DAY, FIRST_RUN],
        keys: 4,
        sql: include_str!("../../../sql/recon/out_of_scope.sql"),
        needs: &[&RUNS, &EXCEPTIONS],
    },
    View {
        name: "events",
        about: "One row per thing that happened to a match, or to a row that is left.",
        columns: &[("at", instant, "When the run began."), FLOW_OF, RUN, EVENT, CAUSE, MATCH_ID, TABLE, LINE_ID, RULE_ID, DETAIL],
        keys: 0,
        sql: include_str!("../../../sql/recon/events.sql"),
        needs: &[&RUNS, &MATCHES, &EXCEPTIONS],
    },
    View {
        name: "overrides",
        about: "One row per row that a person has decided something of.",
        columns: &[
            DECISION_ID,
            MADE_AT,
            WHO,
            ACTION,
            FLOW_OF,
            SIDE,
            TABLE,
            LINE_ID,
            WHY_DECIDED,
            ACCOUNT,
            RETRACTS,
            OWNER,
            ("is_retracted", flag, "Whether this decision no longer counts."),
        ],
        keys: 1,
        sql: include_str!("../../../sql/recon/overrides.sql"),
        needs: &[&OVERRIDES],
    },
    View {
        name: "closes",
        about: "One row per closing of the periods of a flow.",
        columns: &[
            ("close_id", number, "Its number, from 1."),
            MADE_AT,
            WHO,
            FLOW_OF,
            ("through", day, "The last day that is closed."),
            ("is_in_force", flag, "Whether it is the last one of the flow, which counts."),
        ],
        keys: 1,
        sql: include_str!("../../../sql/recon/closes.sql"),
        needs: &[&CLOSES],
    },
    View {
        name: "assertions",
        about: "One row per thing that had to be so of a run, or it would not have been recorded; and, where they were evaluated, per identity of \
            the books that held, and per thing that one did not hold of.",
        columns: &[
            FLOW_OF,
            RUN,
            HOP,
            (
                "identity",
                text,
                "each_row_once, amounts_kept, matches_balance; or the number of an identity of the books, such as I4.",
            ),
            ("scope", text, "The table, the rule, or the check of schema checks."),
            CURRENCY,
            ("left_value", money, "What it is to be: rows, or major units."),
            ("right_value", money, "What it is."),
            ("difference", money, "Left less right."),
            ("rows", number, "How many rows, or matches, it is told of."),
            ("passed", flag, "Whether it is so."),
            TOLERANCE,
            SUBJECT,
        ],
        keys: 6,
        sql: include_str!("../../../sql/recon/assertions.sql"),
        needs: &[&RUNS, &ASSERTIONS],
    },
];
