-- What builds said, kept after their pods are gone. One row a build that is, or was, followed.
create table build_logs (
    deploy_id    uuid primary key references deploys,
    app_id       uuid not null references apps,
    -- Lines kept so far.
    lines        bigint not null default 0,
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
create index build_logs_by_age on build_logs (started_at);

-- The lines, newline-separated JSON, deflated.
create table build_log_chunks (
    deploy_id  uuid not null references build_logs on delete cascade,
    first_line bigint not null check (first_line >= 0),
    lines      int not null check (lines > 0),
    data       bytea not null,
    primary key (deploy_id, first_line)
);
