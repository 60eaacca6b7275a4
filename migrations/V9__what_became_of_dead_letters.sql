-- What people did about the messages that were put aside. The letters themselves stay as they were, also when they are
-- discarded; one without a row here waits.
create table dead_letter_outcomes (
    dead_letter_id bigint primary key references dead_letters,
    outcome        text not null check (outcome in ('retried', 'discarded')),
    settled_by     text not null,
    settled_at     timestamptz not null default now()
);
