-- The log. `(app_id, version)` is the optimistic lock: of two writers at the same version, one gets a unique violation.
-- `position` is given before commit, so a reader in its order must stop below the oldest transaction still open:
-- that is what `txid` is for.
create table line_events (
    app_id      uuid not null references apps,
    version     bigint not null check (version > 0),
    txid        xid8 not null default pg_current_xact_id(),
    position    bigint generated always as identity,
    -- Null for events of the line itself.
    deploy_id   uuid,
    type        text not null,
    data        text not null,
    traceparent text,
    recorded_at timestamptz not null default now(),
    primary key (app_id, version)
);

create index line_events_in_order on line_events (txid, position);
create index line_events_of_deploy on line_events (deploy_id, version) where deploy_id is not null;

-- The state each app's events fold to, written with them, byte for byte what a fold gives again. The rest of the row
-- says who works on it and when to look next.
create table lines (
    app_id       uuid primary key references apps,
    version      bigint not null default 0,
    state        text not null,
    -- Null: nothing to do until an event or a hint.
    next_step_at timestamptz,
    -- Failures in a row of the world around us; sets the back-off.
    failures     int not null default 0,
    leased_until timestamptz,
    -- Who holds the lease: a new value each time it is taken.
    lease        uuid
);

create index lines_with_work on lines (next_step_at) where next_step_at is not null;
