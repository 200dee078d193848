//! Tables and columns of PostgreSQL's that are written down in a line each: `name other:type`, a text where no type is said.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Tables of `pg_catalog` that nothing here is ever in.
pub(super) const CATALOG: [(&str, &str); 9] = [
    (
        "pg_locks",
        "locktype database:int relation:int page:int tuple:int virtualxid transactionid:bigint classid:int objid:int objsubid:int virtualtransaction pid:int mode granted:bool fastpath:bool waitstart:time",
    ),
    ("pg_parameter_acl", "oid:int parname paracl:texts"),
    // A function, which is a table where it is asked as one.
    ("pg_partition_tree", "relid:int parentrelid:int isleaf:bool level:int"),
    ("pg_policies", "schemaname tablename policyname permissive roles:texts cmd qual with_check"),
    (
        "pg_sequences",
        "schemaname sequencename sequenceowner data_type start_value:bigint min_value:bigint max_value:bigint increment_by:bigint cycle:bool cache_size:bigint last_value:bigint",
    ),
    (
        "pg_stat_activity",
        "datid:int datname pid:int leader_pid:int usesysid:int usename application_name client_addr client_hostname client_port:int backend_start:time xact_start:time query_start:time state_change:time wait_event_type wait_event state backend_xid:bigint backend_xmin:bigint query_id:bigint query backend_type",
    ),
    (
        "pg_stats",
        "schemaname tablename attname inherited:bool null_frac:float avg_width:int n_distinct:float most_common_vals most_common_freqs:floats histogram_bounds correlation:float most_common_elems most_common_elem_freqs:floats elem_count_histogram:floats range_length_histogram range_empty_frac:float range_bounds_histogram",
    ),
    ("pg_ts_config_map", "mapcfg:int maptokentype:int mapseqno:int mapdict:int"),
    ("ts_token_type", "tokid:int alias description"),
];
/// Tables of `information_schema` that nothing here is ever in.
pub(super) const INFORMATION: [(&str, &str); 9] = [
    ("check_constraints", "constraint_catalog constraint_schema constraint_name check_clause"),
    (
        "constraint_column_usage",
        "table_catalog table_schema table_name column_name constraint_catalog constraint_schema constraint_name",
    ),
    ("constraint_table_usage", "table_catalog table_schema table_name constraint_catalog constraint_schema constraint_name"),
    ("domains", "domain_catalog domain_schema domain_name data_type domain_default udt_catalog udt_schema udt_name"),
    (
        "key_column_usage",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name column_name ordinal_position:int position_in_unique_constraint:int",
    ),
    (
        "referential_constraints",
        "constraint_catalog constraint_schema constraint_name unique_constraint_catalog unique_constraint_schema unique_constraint_name match_option update_rule delete_rule",
    ),
    (
        "sequences",
        "sequence_catalog sequence_schema sequence_name data_type numeric_precision:int numeric_precision_radix:int numeric_scale:int start_value minimum_value maximum_value increment cycle_option",
    ),
    (
        "table_constraints",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name constraint_type is_deferrable initially_deferred enforced nulls_distinct",
    ),
    (
        "triggers",
        "trigger_catalog trigger_schema trigger_name event_manipulation event_object_catalog event_object_schema event_object_table action_order:int action_condition action_statement action_orientation action_timing",
    ),
];

/// The columns of a table of a list.
pub(super) fn columns_of(name: &str, tables: &[(&str, &str)]) -> Option<SchemaRef> {
    tables.iter().find(|(known, _)| *known == name).map(|(_, written)| columns(written))
}

/// Columns that are written in a line.
pub(super) fn columns(written: &str) -> SchemaRef {
    let field = |written: &str| {
        let (name, data_type) = written.split_once(':').unwrap_or((written, "text"));
        let data_type = match data_type {
            "bool" => DataType::Boolean,
            "int" => DataType::Int32,
            "bigint" => DataType::Int64,
            "float" => DataType::Float32,
            "floats" => DataType::new_list(DataType::Float32, true),
            "texts" => DataType::new_list(DataType::Utf8, true),
            "time" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            _ => DataType::Utf8,
        };
        Field::new(name, data_type, true)
    };
    Arc::new(Schema::new(written.split_whitespace().map(field).collect::<Vec<_>>()))
}
