-- What Grafana's PostgreSQL data source asks: first its query builder, then panels with their macros written out.

--> 1700
select current_setting('server_version_num')::int / 100 as version;
--> no rows
select extversion from pg_extension where extname = 'timescaledb';
--> has public
select schema_name as "name" from information_schema.schemata
where schema_name not in ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_catalog') order by schema_name;
--> has payments
select quote_ident(table_name) as "table" from information_schema.tables where quote_ident(table_schema) = 'public' order by 1;
-- The tables that the search path leads to come without their schema.
--> has payments
select case when quote_ident(table_schema) in (
        select case when trim(s[i]) = '"$user"' then user else trim(s[i]) end
        from generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
                             array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
             string_to_array(current_setting('search_path'), ',') s)
    then quote_ident(table_name) else quote_ident(table_schema) || '.' || quote_ident(table_name) end as "table"
from information_schema.tables
where quote_ident(table_schema) not in ('information_schema', 'pg_catalog') order by 1;
--> has amount|numeric
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns
where case when array_length(parse_ident('public.payments'), 1) = 2
    then quote_ident(table_schema) = (parse_ident('public.payments'))[1] and quote_ident(table_name) = (parse_ident('public.payments'))[2]
    else quote_ident(table_name) = 'public.payments' end;

-- A time series: $__timeGroupAlias and $__timeFilter.
--> 1767225600|1
select floor(extract(epoch from requested_on) / 3600) * 3600 as "time", count(*) as payments from payments
where requested_on between '2026-01-01T00:00:00Z' and '2026-03-01T00:00:00Z' group by 1 order by 1;
--> 1767225600|CHF|1
select floor((extract(epoch from requested_on)) / 86400) * 86400 as "time", currency as metric, count(*) as payments from payments
where requested_on between '2026-01-01T00:00:00Z' and '2026-03-01T00:00:00Z' group by 1, 2 order by 1, 2;
--> 2026-01-01 00:00:00+00|1
select date_bin('1 hour', requested_on, timestamp '2000-01-01') as time, count(*) from payments
where requested_on >= '2026-01-01T00:00:00Z' and requested_on <= '2026-03-01T00:00:00Z' group by 1 order by 1;
--> 2026-01-01 00:30:00+00|1
select date_bin('30 minutes'::interval, requested_on, '2000-01-01T00:00:00Z'::timestamptz) as time, count(*) from payments
where requested_on >= '2026-01-01T00:00:00Z' and requested_on <= '2026-03-01T00:00:00Z' group by 1 order by 1;
-- $__timeEpoch, $__unixEpochFilter and $__unixEpochGroup.
--> 1767227451.482001|1555.820
select extract(epoch from requested_on) as "time", amount from payments
where extract(epoch from requested_on) >= 1767225600 and extract(epoch from requested_on) <= 1767312000 order by 1;
--> 1767141000|64.480
select floor((extract(epoch from requested_on)::bigint) / 300) * 300 as "time", max(amount) from payments group by 1 order by 1;
-- Variables and annotations.
--> AED
select distinct currency as "__text" from payments order by 1;
select requested_on as "time", id as text, currency || ',' || status as tags from payments
where requested_on between '2026-06-01T00:00:00Z' and '2026-06-02T00:00:00Z' and currency in ('EUR', 'USD') order by 1;
-- Alerts ask for the newest value.
--> 2026-01-01 00:30:00+00|1555.820
select to_timestamp(floor(extract(epoch from requested_on) / 60) * 60) as time, sum(amount) from payments
where requested_on >= to_timestamp(1767225600) and requested_on < to_timestamp(1767312000) group by 1 order by 1;
