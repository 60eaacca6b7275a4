-- How far the public copy of the log (the stream DEPLOYS) has come. One row.
create table relay (
    only     boolean primary key default true check (only),
    txid     xid8 not null default '0',
    position bigint not null default 0
);

insert into relay default values;
