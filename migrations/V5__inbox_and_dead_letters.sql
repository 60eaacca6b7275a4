-- Messages that were taken in, written with what they changed: the guarantee behind the broker's own deduplication.
create table inbox (
    stream      text not null,
    message_id  text not null,
    sequence    bigint not null,
    received_at timestamptz not null default now(),
    primary key (stream, message_id)
);

-- What can never work: raw, with the reason and where it came from, so that a person can look and try again.
create table dead_letters (
    dead_letter_id bigint generated always as identity primary key,
    stream         text not null,
    -- When the stream was created, Unix seconds: one that was made anew gives its sequences out again.
    epoch          bigint not null,
    sequence       bigint not null,
    subject        text not null,
    message_id     text,
    deliveries     bigint not null,
    raw            bytea not null,
    reason         text not null,
    recorded_at    timestamptz not null default now(),
    unique (stream, epoch, sequence)
);
