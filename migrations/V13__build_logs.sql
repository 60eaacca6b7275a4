-- What builds said, kept after their pods are gone. One row a build that is, or was, followed.
create table build_logs (
    deploy_id    uuid primary key references deploys,
    app_id       uuid not null references apps,
    -- Lines kept so far, and their size.
    lines        bigint not null default 0,
    bytes        bigint not null default 0,
    -- 'following', 'complete', or 'truncated': beyond the limit, nothing more is kept.
    state        text not null default 'following' check (state in ('following', 'complete', 'truncated')),
    -- Where the reader of the cluster goes on (opaque).
    cursor       text not null default '',
    lease        uuid,
    leased_until timestamptz,
    started_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);

create index build_logs_underway on build_logs (leased_until) where state = 'following';
create index build_logs_of_app on build_logs (app_id) where state = 'following';
create index build_logs_by_age on build_logs (started_at);

-- The lines, newline-separated JSON, deflated. Whoever appends holds a lock on the app, so `position` rises in the order
-- of the commits: one number says how far a reader of an app's logs is.
create table build_log_chunks (
    deploy_id  uuid not null references build_logs on delete cascade,
    first_line bigint not null check (first_line >= 0),
    lines      int not null check (lines > 0),
    app_id     uuid not null references apps,
    position   bigint generated always as identity,
    data       bytea not null,
    primary key (deploy_id, first_line)
);

create index build_log_chunks_of_app on build_log_chunks (app_id, position);

-- Where the builds are found whose logs nobody follows yet.
create index line_events_build_starts on line_events (recorded_at) where type = 'build_started';
