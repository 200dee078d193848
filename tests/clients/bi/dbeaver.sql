-- What DBeaver asks when it connects, and what its navigator asks when one opens things.

set extra_float_digits = 3;
set application_name = 'DBeaver 25.2.0 - Main <checkout>';
--> public|anna
select current_schema(), session_user;
--> has checkout
select db.oid, db.datname, db.* from pg_catalog.pg_database db where datallowconn and not datistemplate or db.datname = 'checkout' order by db.datname;
--> on
select setting from pg_catalog.pg_settings where name = 'standard_conforming_strings';
show search_path;
-- The words that are none of SQL's own.
--> 0
select count(*) from pg_catalog.pg_get_keywords() where word in ('select', 'absolute') and word <> all ('{select,absolute,"x,y"}'::text[]);
select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> all ('{a,abs,absolute,action,select,where}'::text[]);
--> has public
select n.oid, n.nspname, n.*, d.description from pg_catalog.pg_namespace n
left outer join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_namespace'::regclass order by nspname;
--> t|pg_catalog|_text
select n.nspname = any(current_schemas(true)), n.nspname, t.typname from pg_catalog.pg_type t
join pg_catalog.pg_namespace n on t.typnamespace = n.oid where t.oid = 1009;
--> f|b|numeric
select typinput = 'pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid from pg_catalog.pg_type
left join (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns
           join (select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r)) as r
           using (nspname)) as sp on sp.nspoid = typnamespace
where pg_type.oid = 1700 order by sp.r, pg_type.oid desc;
--> has numeric
select t.oid, t.typname, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
from pg_catalog.pg_type t
left outer join pg_catalog.pg_type et on et.oid = t.typelem
left outer join pg_catalog.pg_class c on c.oid = t.typrelid
left outer join pg_catalog.pg_description d on t.oid = d.objoid
where t.typname is not null and (c.relkind is null or c.relkind = 'c') and (et.typcategory is null or et.typcategory <> 'C');
-- A schema's tables, and one of them.
--> has payments
select c.oid, c.relname, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 2200 and c.relkind not in ('i', 'I', 'c');
--> has payments|amount
select c.relname, a.attname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on a.attrelid = c.oid
left outer join pg_catalog.pg_attrdef ad on a.attrelid = ad.adrelid and a.attnum = ad.adnum
left outer join pg_catalog.pg_description dsc on c.oid = dsc.objoid and a.attnum = dsc.objsubid
left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.oid = 'public.payments'::regclass order by a.attnum;
--> no rows
select c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description,
    case when c.contype = 'c' then substring(pg_get_constraintdef(c.oid), 7) else null end as consrc_copy
from pg_catalog.pg_constraint c
inner join pg_catalog.pg_class t on t.oid = c.conrelid
left outer join pg_catalog.pg_class rt on rt.oid = c.confrelid
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass
where c.conrelid = 'public.payments'::regclass order by c.oid;
--> no rows
select i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,
    pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans
from pg_catalog.pg_index i
inner join pg_catalog.pg_class c on c.oid = i.indexrelid
inner join pg_catalog.pg_class tc on tc.oid = i.indrelid
left outer join pg_catalog.pg_description dsc on i.indexrelid = dsc.objoid
where i.indrelid = 'public.payments'::regclass order by tc.relname, c.relname;
--> no rows
select distinct c.oid, inh.inhparent, inh.inhseqno from pg_catalog.pg_inherits inh, pg_catalog.pg_class c
where inh.inhrelid = c.oid and inh.inhparent = 'public.payments'::regclass order by inh.inhseqno;
--> no rows
select x.oid, x.*, p.pronamespace as func_schema_id, d.description from pg_catalog.pg_trigger x
left outer join pg_catalog.pg_proc p on p.oid = x.tgfoid
left outer join pg_catalog.pg_description d on d.objoid = x.oid and d.objsubid = 0
where x.tgrelid = 'public.payments'::regclass and not x.tgisinternal;
--> no rows
select rw.oid, rw.* from pg_catalog.pg_rewrite rw where rw.ev_class = 'public.payments'::regclass and rw.rulename <> '_RETURN';
--> no rows
select * from pg_catalog.pg_policies where schemaname = 'public' and tablename = 'payments';
-- Sizes: nothing is known of them.
select c.oid, pg_catalog.pg_total_relation_size(c.oid) as total_rel_size, pg_catalog.pg_relation_size(c.oid) as rel_size
from pg_class c where c.relnamespace = 2200;
select pg_catalog.pg_database_size('checkout');
select * from pg_catalog.pg_stat_user_tables where relid = 'public.payments'::regclass;
-- A view's text.
select pg_catalog.pg_get_viewdef('public.declines'::regclass, true) as definition;
-- The other folders of its tree.
select p.oid, p.proname, p.*, l.lanname, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults, d.description from pg_catalog.pg_proc p
left outer join pg_catalog.pg_description d on d.objoid = p.oid
left join pg_catalog.pg_language l on l.oid = p.prolang where p.pronamespace = 2200 order by p.proname;
--> no rows
select c.oid, c.*, d.description from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 2200 and c.relkind = 'S';
--> no rows
select * from pg_catalog.pg_sequences where schemaname = 'public';
--> anna
select a.rolname, a.oid, a.*, pd.description from pg_catalog.pg_roles a
left join pg_catalog.pg_shdescription pd on a.oid = pd.objoid order by a.rolname;
select t.oid, t.*, pg_tablespace_location(t.oid) as loc from pg_catalog.pg_tablespace t order by t.oid;
select e.oid, e.*, n.nspname as schema_name from pg_catalog.pg_extension e join pg_namespace n on n.oid = e.extnamespace order by e.oid;
--> no rows
select l.oid, l.*, p.proname as handler from pg_catalog.pg_foreign_data_wrapper l left join pg_catalog.pg_proc p on p.oid = l.fdwhandler order by l.fdwname;
--> no rows
select l.oid, l.* from pg_catalog.pg_foreign_server l order by l.srvname;
--> no rows
select e.oid, e.*, p.proname from pg_catalog.pg_event_trigger e join pg_catalog.pg_proc p on p.oid = e.evtfoid;
--> UTF8
select pg_catalog.pg_encoding_to_char(6);
select c.oid, c.* from pg_catalog.pg_collation c order by c.oid;
select a.oid, a.* from pg_catalog.pg_am a order by a.oid;
select l.oid, l.* from pg_catalog.pg_language l order by l.oid;
select sa.* from pg_catalog.pg_stat_activity sa;
select * from pg_catalog.pg_locks;
--> has r
select distinct relkind from pg_catalog.pg_class where relkind = any (array['r', 'v']);
-- The rows of a table.
select x.* from public.payments x limit 200;
--> 10000
select count(*) from public.payments x;
select x.* from public.payments x where x.currency = 'EUR' and x.amount > 10.5 order by x.requested_on desc limit 200;
explain select * from public.payments x where x.currency = 'EUR';
