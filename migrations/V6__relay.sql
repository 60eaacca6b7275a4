-- How far the public copy of the log (the stream DEPLOYS) has come. One row.
create table relay (
    singleton boolean primary key default true check (singleton),
    txid      xid8 not null default '0',
    position  bigint not null default 0
);

insert into relay default values;
