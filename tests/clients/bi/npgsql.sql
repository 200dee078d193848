-- What Npgsql asks when it connects, and Power BI through it.

--> has PostgreSQL 17.0 (ckosql
select version();
-- The types: arrays by what receives them, each container after what it contains.
--> has pg_catalog|1700|numeric|b|f|
--> has pg_catalog|1231|_numeric|a|f|1700
--> has pg_catalog|3904|int4range|r|f|23
--> has pg_catalog|4451|int4multirange|m|f|3904
select ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid
from (
    select typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind,
        elemtyp.oid as elemtypoid, elemtyp.typname as elemtypname, elemcls.relkind as elemrelkind,
        case when elemproc.proname = 'array_recv' then 'a' else elemtyp.typtype end as elemtyptype
    from (
        select typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem as elemoid,
            case when proc.proname = 'array_recv' then 'a' else typ.typtype end as typtype,
            case when proc.proname = 'array_recv' then typ.typelem
                 when typ.typtype = 'r' then rngsubtype
                 when typ.typtype = 'm' then (select rngtypid from pg_range where rngmultitypid = typ.oid)
                 when typ.typtype = 'd' then typ.typbasetype end as elemtypoid
        from pg_type as typ
        left join pg_class as cls on cls.oid = typ.typrelid
        left join pg_proc as proc on proc.oid = typ.typreceive
        left join pg_range on pg_range.rngtypid = typ.oid
    ) as typ
    left join pg_type as elemtyp on elemtyp.oid = elemtypoid
    left join pg_class as elemcls on elemcls.oid = elemtyp.typrelid
    left join pg_proc as elemproc on elemproc.oid = elemtyp.typreceive
) as t
join pg_namespace as ns on ns.oid = typnamespace
where typtype in ('b', 'r', 'm', 'e', 'd')
    or (typtype = 'c' and relkind = 'c')
    or (typtype = 'p' and typname in ('record', 'void'))
    or (typtype = 'a' and (elemtyptype in ('b', 'r', 'm', 'e', 'd')
        or (elemtyptype = 'p' and elemtypname in ('record', 'void')) or (elemtyptype = 'c' and elemrelkind = 'c')))
order by case when typtype in ('b', 'e', 'p') then 0 when typtype = 'r' then 1 when typtype = 'm' then 2 when typtype = 'c' then 3
    when typtype = 'd' and elemtyptype <> 'a' then 4 when typtype = 'a' then 5 when typtype = 'd' and elemtyptype = 'a' then 6 end;
-- Composite types, of which there are none, and enumerations.
--> no rows
select typ.oid, att.attname, att.atttypid from pg_type as typ
join pg_namespace as ns on ns.oid = typ.typnamespace
join pg_class as cls on cls.oid = typ.typrelid
join pg_attribute as att on att.attrelid = typ.typrelid
where (typ.typtype = 'c' and cls.relkind = 'c') and attnum > 0 and not attisdropped order by typ.oid, att.attnum;
--> no rows
select pg_type.oid, enumlabel from pg_enum join pg_type on pg_type.oid = enumtypid order by oid, enumsortorder;
discard all;
close all;
unlisten *;
reset all;
select pg_advisory_unlock_all();
-- GetSchemaTable: what the columns of an answer are.
--> has amount
select nspname, relname, attnum, attname, typ.oid as typoid, attr.atttypmod, attr.attnotnull, attidentity != '' as isidentity,
    case when typ.typtype = 'd' then basetyp.typname else typ.typname end as typname,
    case when atthasdef then (select pg_get_expr(adbin, cls.oid) from pg_attrdef where adrelid = cls.oid and adnum = attr.attnum)
         else null end as defaultvalue,
    case when col.is_updatable = 'YES' then true else false end as is_updatable,
    exists (select * from pg_index where pg_index.indrelid = cls.oid and pg_index.indisprimary and attnum = any (indkey)) as isprimarykey
from pg_attribute as attr
join pg_type as typ on attr.atttypid = typ.oid
left join pg_type as basetyp on basetyp.oid = typ.typbasetype
join pg_class as cls on cls.oid = attr.attrelid
join pg_namespace as ns on ns.oid = cls.relnamespace
left join information_schema.columns as col on col.table_schema = nspname and col.table_name = relname and col.column_name = attname
where atttypid <> 0 and relkind in ('r', 'v', 'm') and not attisdropped and nspname not in ('pg_catalog', 'information_schema')
    and attnum > 0 and nspname = 'public' and relname = 'payments' order by attnum;

-- Power Query's navigator.
select character_set_name from information_schema.character_sets;
--> has public|payments|BASE TABLE
select table_schema, table_name, table_type from information_schema.tables
where table_schema not in ('information_schema', 'pg_catalog') order by table_schema, table_name;
--> has amount|6|YES|numeric
select column_name, ordinal_position, is_nullable,
    case when data_type like '%unsigned%' then data_type || ' unsigned' else data_type end as data_type
from information_schema.columns where table_schema = 'public' and table_name = 'payments'
order by table_schema, table_name, ordinal_position;
--> no rows
select pkcol.column_name as pk_column_name, fkcol.table_schema as fk_table_schema, fkcol.table_name as fk_table_name,
    fkcol.column_name as fk_column_name, fkcol.ordinal_position as ordinal, fkcon.constraint_name as fk_name
from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name
      from information_schema.referential_constraints) fkcon
join information_schema.key_column_usage fkcol
    on fkcon.constraint_schema = fkcol.constraint_schema and fkcon.constraint_name = fkcol.constraint_name
join information_schema.key_column_usage pkcol
    on fkcon.unique_constraint_schema = pkcol.constraint_schema and fkcon.unique_constraint_name = pkcol.constraint_name
where pkcol.table_schema = 'public' and pkcol.table_name = 'payments' and pkcol.ordinal_position = fkcol.ordinal_position
order by fkcon.constraint_name, fkcol.ordinal_position;
--> no rows
select i.constraint_schema || '_' || i.constraint_name as index_name, ii.column_name, ii.ordinal_position,
    case when i.constraint_type = 'PRIMARY KEY' then 'Y' else 'N' end as primary_key
from information_schema.table_constraints i
join information_schema.key_column_usage ii
    on i.constraint_schema = ii.constraint_schema and i.constraint_name = ii.constraint_name
        and i.table_schema = ii.table_schema and i.table_name = ii.table_name
where i.table_schema = 'public' and i.table_name = 'payments' and i.constraint_type in ('PRIMARY KEY', 'UNIQUE')
order by 1, 2, 3;
-- A preview, a folded step and a DirectQuery.
select "$Table"."id" as "id", "$Table"."amount" as "amount", "$Table"."requested_on" as "requested_on"
from "public"."payments" "$Table" limit 1000;
--> CHF|144|18232.750
select "rows"."currency" as "currency", count(1) as "n", sum("rows"."amount") as "total"
from (select "_"."id", "_"."currency", "_"."amount" from "public"."payments" "_"
      where "_"."currency" = 'CHF' and "_"."currency" is not null) "rows" group by "currency";
select "basetable0"."c1" as "c1", sum(cast("basetable0"."a0" as decimal)) as "a0" from (
    select "t0"."currency" as "c1", "t0"."amount" as "a0" from (
        select "$Table"."currency", "$Table"."amount", "$Table"."requested_on" from "public"."payments" "$Table") "t0"
    where "t0"."requested_on" >= timestamp '2026-01-01 00:00:00' and "t0"."requested_on" < timestamp '2026-02-01 00:00:00') "basetable0"
group by "basetable0"."c1" order by "a0" desc nulls last limit 1000001;
