-- What Metabase sends beside the calls of pgjdbc (Pg.java): when it syncs, when it looks at values, and for its questions.

--> UTC
show timezone;
set session timezone to 'UTC';
--> has PostgreSQL 17.0
select version();
--> no rows
select true as "_" from "public"."payments" where 1 <> 1 limit 0;
--> no rows
select nspname, typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.oid in (select distinct enumtypid from pg_enum e);
-- Its tables.
--> has public|payments|TABLE
--> has public|declines|VIEW
select n.nspname as "schema", c.relname as "name",
    case c.relkind when 'r' then 'TABLE' when 'p' then 'PARTITIONED TABLE' when 'v' then 'VIEW' when 'f' then 'FOREIGN TABLE'
        when 'm' then 'MATERIALIZED VIEW' else null end as "type",
    d.description as "description", stat.n_live_tup as "estimated_row_count"
from "pg_catalog"."pg_class" as "c"
inner join "pg_catalog"."pg_namespace" as "n" on c.relnamespace = n.oid
left join "pg_catalog"."pg_description" as "d" on c.oid = d.objoid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
left join "pg_stat_user_tables" as "stat" on n.nspname = stat.schemaname and c.relname = stat.relname
where c.relnamespace = n.oid and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'f', 'm')
    and n.nspname in ('public', 'live') order by "type" asc, "schema" asc, "name" asc;
-- What may be done with them.
--> has |public|payments|f|t|f|f
with table_privileges as (
    select null as role, t.schemaname as schema, t.objectname as table,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'update') as update,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'select') as select,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'insert') as insert,
        pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'delete') as delete
    from (select schemaname, tablename as objectname from pg_catalog.pg_tables
          union select schemaname, viewname as objectname from pg_catalog.pg_views
          union select schemaname, matviewname as objectname from pg_catalog.pg_matviews) t
    where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema'
        and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage'))
select t.* from table_privileges t;
-- Their fields.
--> has amount|numeric|5|public|payments|f||f|f
--> has requested_on|timestamptz|1|public|payments|f||f|f
select "c"."column_name" as "name",
    case when "c"."udt_schema" in ('public', 'pg_catalog') then format('%s', "c"."udt_name")
        else format('"%s"."%s"', "c"."udt_schema", "c"."udt_name") end as "database-type",
    "c"."ordinal_position" - 1 as "database-position", "c"."table_schema" as "table-schema", "c"."table_name" as "table-name",
    "pk"."column_name" is not null as "pk?",
    col_description(cast(cast(format('%I.%I', cast("c"."table_schema" as text), cast("c"."table_name" as text)) as regclass) as oid), "c"."ordinal_position") as "field-comment",
    ("column_default" is null or lower("column_default") = 'null') and "is_nullable" = 'NO'
        and not (("column_default" is not null and "column_default" like '%nextval(%') or "is_identity" <> 'NO') as "database-required",
    ("column_default" is not null and "column_default" like '%nextval(%') or "is_identity" <> 'NO' as "database-is-auto-increment"
from "information_schema"."columns" as "c"
left join (select "tc"."table_schema", "tc"."table_name", "kc"."column_name" from "information_schema"."table_constraints" as "tc"
           inner join "information_schema"."key_column_usage" as "kc" on "tc"."constraint_name" = "kc"."constraint_name"
               and "tc"."table_schema" = "kc"."table_schema" and "tc"."table_name" = "kc"."table_name"
           where "tc"."constraint_type" = 'PRIMARY KEY') as "pk"
    on "c"."table_schema" = "pk"."table_schema" and "c"."table_name" = "pk"."table_name" and "c"."column_name" = "pk"."column_name"
where c.table_schema !~ '^information_schema|catalog_history|pg_' and "c"."table_schema" in ('public')
union all
select "pa"."attname", case when "ptn"."nspname" in ('public', 'pg_catalog') then format('%s', "pt"."typname")
        else format('"%s"."%s"', "ptn"."nspname", "pt"."typname") end,
    "pa"."attnum" - 1, "pn"."nspname", "pc"."relname", false, null, false, false
from "pg_catalog"."pg_class" as "pc"
inner join "pg_catalog"."pg_namespace" as "pn" on "pn"."oid" = "pc"."relnamespace"
inner join "pg_catalog"."pg_attribute" as "pa" on "pa"."attrelid" = "pc"."oid"
inner join "pg_catalog"."pg_type" as "pt" on "pt"."oid" = "pa"."atttypid"
inner join "pg_catalog"."pg_namespace" as "ptn" on "ptn"."oid" = "pt"."typnamespace"
where "pc"."relkind" = 'm' and "pa"."attnum" >= 1 and "pn"."nspname" in ('public')
order by "table-schema", "table-name", "database-position";
-- Their foreign keys and indexes, of which there are none.
--> no rows
select "fk_ns"."nspname" as "fk-table-schema", "fk_table"."relname" as "fk-table-name", "fk_column"."attname" as "fk-column-name",
    "pk_ns"."nspname" as "pk-table-schema", "pk_table"."relname" as "pk-table-name", "pk_column"."attname" as "pk-column-name"
from "pg_constraint" as "c"
inner join "pg_class" as "fk_table" on "c"."conrelid" = "fk_table"."oid"
inner join "pg_namespace" as "fk_ns" on "c"."connamespace" = "fk_ns"."oid"
inner join "pg_attribute" as "fk_column" on "c"."conrelid" = "fk_column"."attrelid"
inner join "pg_class" as "pk_table" on "c"."confrelid" = "pk_table"."oid"
inner join "pg_namespace" as "pk_ns" on "pk_table"."relnamespace" = "pk_ns"."oid"
inner join "pg_attribute" as "pk_column" on "c"."confrelid" = "pk_column"."attrelid"
where fk_ns.nspname !~ '^information_schema|catalog_history|pg_' and "c"."contype" = 'f'::char
    and "fk_column"."attnum" = any(c.conkey) and "pk_column"."attnum" = any(c.confkey) and "fk_ns"."nspname" in ('public')
order by "fk-table-schema", "fk-table-name";
--> no rows
select "tmp"."table-schema", "tmp"."table-name", trim(both '"' from pg_catalog.pg_get_indexdef("tmp"."ci_oid", "tmp"."pos", false)) as "field-name"
from (select "n"."nspname" as "table-schema", "ct"."relname" as "table-name", "ci"."oid" as "ci_oid",
          (information_schema._pg_expandarray("i"."indkey")).n as "pos"
      from "pg_catalog"."pg_class" as "ct"
      inner join "pg_catalog"."pg_namespace" as "n" on "ct"."relnamespace" = "n"."oid"
      inner join "pg_catalog"."pg_index" as "i" on "ct"."oid" = "i"."indrelid"
      inner join "pg_catalog"."pg_class" as "ci" on "ci"."oid" = "i"."indexrelid"
      where pg_catalog.pg_get_expr("i"."indpred", "i"."indrelid") is null
          and n.nspname !~ '^information_schema|catalog_history|pg_' and "n"."nspname" in ('public')) as "tmp"
where "tmp"."pos" = 1;
-- Fingerprints and the values of fields.
select "public"."payments"."id" as "id", "public"."payments"."amount" as "amount", "public"."payments"."requested_on" as "requested_on",
    substring("public"."payments"."reference", 1, 1234) as "substring9", substring("public"."payments"."description", 1, 1234) as "substring10"
from "public"."payments" limit 10000;
--> AED
select "public"."payments"."currency" as "currency" from "public"."payments"
group by "public"."payments"."currency" order by "public"."payments"."currency" asc limit 1001;
select "source"."substring1" from (select substring("public"."payments"."_raw", 1, 1234) as "substring1" from "public"."payments") as "source" limit 10;
--> 10
select count(distinct "public"."payments"."currency") as "count" from "public"."payments";

-- Questions: by month, week (which begins on a Sunday), day, and parts of times.
--> 2025-12-01 00:00:00+00|55
select date_trunc('month', "public"."payments"."requested_on") as "requested_on", count(*) as "count" from "public"."payments"
group by date_trunc('month', "public"."payments"."requested_on") order by date_trunc('month', "public"."payments"."requested_on") asc;
--> 2025-12-28 00:00:00+00|220
select (date_trunc('week', ("public"."payments"."requested_on" + interval '1 day')) + interval '-1 day') as "requested_on", count(*) as "count"
from "public"."payments" group by (date_trunc('week', ("public"."payments"."requested_on" + interval '1 day')) + interval '-1 day')
order by (date_trunc('week', ("public"."payments"."requested_on" + interval '1 day')) + interval '-1 day') asc;
--> 2025-12-31|55
select cast("public"."payments"."requested_on" as date) as "requested_on", count(*) as "count" from "public"."payments"
group by cast("public"."payments"."requested_on" as date) order by cast("public"."payments"."requested_on" as date) asc;
--> 1
select cast(extract(quarter from "public"."payments"."requested_on") as integer) as "q", sum("public"."payments"."amount") as "sum"
from "public"."payments" group by 1 order by 1;
--> 1|1430
select (mod((cast(extract(dow from "public"."payments"."requested_on") as integer) + 1) + 6, 7) + 1) as "d", count(*) from "public"."payments" group by 1 order by 1;
select "public"."payments"."id" from "public"."payments" where "public"."payments"."requested_on" >= date_trunc('month', (now() + interval '-30 day'))
    and "public"."payments"."requested_on" < date_trunc('month', now()) limit 2000;
--> 1703
select count(*) as "count" from "public"."payments" where "public"."payments"."requested_on" >= timestamp with time zone '2025-12-31 20:00:00.000Z'
    and "public"."payments"."requested_on" < timestamp with time zone '2026-01-31 20:00:00.000Z';
-- Times of another zone are told as they are there.
--> 2025-12-31 01:00:00|1
select date_trunc('hour', "public"."payments"."requested_on" at time zone 'Europe/Berlin') as "h", count(*) from "public"."payments" group by 1 order by 1;
--> 2025-12-31 01:32:34.147868
select timezone('Europe/Berlin', "public"."payments"."requested_on") as "t" from "public"."payments" order by 1 limit 1;
--> 0
select cast(extract(year from age(date_trunc('day', max("requested_on")), date_trunc('day', min("requested_on")))) as integer) from "public"."payments";
select cast(trunc(extract(epoch from max("requested_on")) - extract(epoch from min("requested_on"))) as integer) as "s" from "public"."payments";
--> 181
select cast(max("requested_on") as date) - cast(min("requested_on") as date) as "days" from "public"."payments";
-- Numbers in bins, shares, running sums, percentiles, deviations.
select ((floor((("public"."payments"."amount" - 0.0) / 100.0)) * 100.0) + 0.0) as "amount", count(*) as "count"
from "public"."payments" group by 1 order by 1 limit 10;
select cast(sum(case when "public"."payments"."status" = 'Declined' then 1 else 0.0 end) as double precision) / nullif(count(*), 0) as "share" from "public"."payments";
--> 2025-12-01 00:00:00+00
select date_trunc('month', "requested_on") as "m", sum(sum("amount")) over (order by date_trunc('month', "requested_on") asc rows unbounded preceding) as "sum"
from "public"."payments" group by date_trunc('month', "requested_on") order by 1;
select percentile_cont(0.5) within group (order by "public"."payments"."amount") as "median" from "public"."payments";
select stddev_pop("public"."payments"."amount") as "stddev", var_pop("public"."payments"."amount") as "var" from "public"."payments";
--> 423731.160
select sum("public"."payments"."amount") filter (where "public"."payments"."currency" = 'EUR') as "eur" from "public"."payments";
-- Texts.
--> example.com|9822
select substring("public"."payments"."customer_email" from '@(.*)$') as "domain", count(*) from "public"."payments" group by 1 order by 2 desc limit 5;
select case when 2 < 1 then '' else split_part("public"."payments"."customer_email", '@', 2) end as "domain" from "public"."payments" limit 5;
select "public"."payments"."id" from "public"."payments" where lower("public"."payments"."reference") like '%ord%' limit 5;
select "public"."payments"."id" from "public"."payments" where (not (lower("public"."payments"."reference") like '%x%') or "public"."payments"."reference" is null) limit 5;
-- Joins and nested questions.
select "source"."currency" as "currency", avg("source"."n") as "avg" from (
    select "public"."payments"."currency" as "currency", date_trunc('day', "public"."payments"."requested_on") as "d", count(*) as "n"
    from "public"."payments" left join "public"."disputes" as "Disputes" on "public"."payments"."id" = "Disputes"."payment_id"
    group by 1, 2) as "source" group by "source"."currency" order by 1 limit 10;
