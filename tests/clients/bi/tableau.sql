-- What Tableau sends through psqlODBC.

set client_encoding to 'UTF8';
set datestyle = 'ISO';
set extra_float_digits = 3;
--> read committed
show transaction_isolation;
--> no rows
select oid, typbasetype from pg_type where typname = 'lo';
--> 63
select t.setting from pg_settings t where name = 'max_identifier_length';
-- Whether it may make temporary tables: it may not, and does without.
--> refused 25006
create local temporary table "#Tableau_1_Connect" ("COL" integer) on commit preserve rows;
--> refused 25006
select * into temporary table "#Tableau_2_Connect" from (select 1 as "COL") as checking;
--> refused 25006
drop table "#Tableau_1_Connect";
begin;
savepoint _EXEC_SVP_1;
--> refused 25006
create temp table "#Tableau_3" as select 1 as x;
rollback to _EXEC_SVP_1;
release _EXEC_SVP_1;
commit;
--> has public|payments
select n.nspname, c.relname, c.relkind, d.description from pg_catalog.pg_class c
inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0
where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by n.nspname, c.relname;
--> has public|payments|amount
select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules,
    c.relkind, c.oid, pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, 0
from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    and c.relname like 'payments' and n.nspname like 'public')
    inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid)
    inner join pg_catalog.pg_type t on t.oid = a.atttypid)
    left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
order by n.nspname, c.relname, attnum;
--> no rows
select ta.attname, ia.attnum, ic.relname, n.nspname, tc.relname from pg_catalog.pg_attribute ta, pg_catalog.pg_attribute ia,
    pg_catalog.pg_class tc, pg_catalog.pg_index i, pg_catalog.pg_namespace n, pg_catalog.pg_class ic
where tc.relname = 'payments' and n.nspname = 'public' and tc.oid = i.indrelid and n.oid = tc.relnamespace and i.indisprimary = 't'
    and ia.attrelid = i.indexrelid and ta.attrelid = i.indrelid and ta.attnum = i.indkey[ia.attnum - 1]
    and (not ta.attisdropped) and (not ia.attisdropped) and ic.oid = i.indexrelid order by ia.attnum;
--> no rows
select "payments".* from "public"."payments" "payments" where 1 = 0;
--> no rows
select * from (select "id", "amount" from "public"."payments") "Custom SQL Query" where (1 = 0) limit 0;
-- A cursor that outlives its transaction.
begin;
declare "SQL_CUR0x7f1" cursor with hold for
    select "payments"."currency" as "currency", sum("payments"."amount") as "sum:amount:ok", sum(1) as "cnt:ok"
    from "public"."payments" "payments" group by 1 order by 1;
--> AED|335833.460|502
fetch 2 in "SQL_CUR0x7f1";
commit;
--> CLP|50399610.000|276
fetch 10000 in "SQL_CUR0x7f1";
close "SQL_CUR0x7f1";
-- What sheets ask.
--> 10000
select sum(1) as "sum:Number of Records:ok" from "public"."payments" "payments" having count(1) > 0;
--> 2025|55
select cast(trunc(extract(year from "payments"."requested_on")) as integer) as "yr:requested_on:ok", count(1) as "n"
from "public"."payments" "payments" group by 1 order by 1;
--> 2025-12-01 00:00:00|55
select date_trunc('MONTH', cast("payments"."requested_on" as timestamp)) as "tmn:requested_on:ok", count(distinct "payments"."id") as "n"
from "public"."payments" "payments" group by 1 order by 1;
--> 2025-12-31|55
select cast("payments"."requested_on" as date) as "d", count(1) as "n" from "public"."payments" "payments"
where "payments"."requested_on" >= timestamp '2025-12-31 00:00:00.000' and "payments"."requested_on" < timestamp '2026-01-03 00:00:00.000'
group by 1 order by 1;
--> 2026-03
select to_char(max("payments"."requested_on"), 'YYYY-MM') from "public"."payments" "payments" where "payments"."requested_on" < '2026-04-01';
select min("payments"."requested_on") as "lower", max("payments"."requested_on") as "upper", count(1) from "public"."payments" "payments" having count(1) > 0;
select "payments"."status" as "status", sum(case when "payments"."currency" = 'EUR' then "payments"."amount" end) as "eur",
    avg(cast("payments"."amount" as double precision)) as "avg"
from "public"."payments" "payments"
inner join (select "payments"."status" as "status", sum("payments"."amount") as "x" from "public"."payments" "payments"
            group by 1 order by 2 desc nulls last limit 5) "t0" on "payments"."status" = "t0"."status"
where "payments"."currency" in ('EUR', 'USD') group by 1;
