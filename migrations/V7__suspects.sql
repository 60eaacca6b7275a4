-- Messages that were delivered so often that they may be what ends the process. Each is tried alone, and counted here
-- before it is looked into; a row that keeps coming back is put aside unread. Those that merely stood beside such a
-- message are taken in by that try, and their row goes.
create table suspects (
    stream   text not null,
    epoch    bigint not null,
    sequence bigint not null,
    tries    int not null default 1,
    primary key (stream, epoch, sequence)
);
