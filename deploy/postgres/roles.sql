-- The roles of a new database, for psql as its superuser in that database: an owner of the tables, whom only
-- `deployer-svc migrate` is, and one for each service. What the services may do, `migrate` grants them
-- (INGRESS_ROLE, DEPLOYER_ROLE), in step with the tables. Passwords come from the environment.
\set ON_ERROR_STOP on
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv ingress_password POSTGRES_INGRESS_PASSWORD
\getenv deployer_password POSTGRES_DEPLOYER_PASSWORD

begin;
create role paas_owner login password :'owner_password';
create role paas_ingress login password :'ingress_password';
create role paas_deployer login password :'deployer_password';

select current_database() as database \gset
revoke all on database :"database" from public;
grant connect on database :"database" to paas_ingress, paas_deployer;
alter database :"database" owner to paas_owner;

revoke all on schema public from public;
grant usage on schema public to paas_ingress, paas_deployer;
alter schema public owner to paas_owner;
commit;
