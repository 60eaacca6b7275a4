-- Which programs may run on this schema: those that know at least this version. A migration that only adds leaves it
-- alone, so that the version before goes on during a rolling upgrade; one that takes something away raises it to the
-- version that brought the replacement. One row.
create table schema_floor (
    singleton boolean primary key default true check (singleton),
    version   int not null
);

insert into schema_floor (version) values (7);
