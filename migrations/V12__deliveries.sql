-- What became of every authentic delivery. Written after the answer, in batches: the answer does not wait for it.
create table deliveries (
    delivery_no bigint generated always as identity primary key,
    app_id      uuid not null references apps on delete cascade,
    provider    text not null,
    -- 'sweep' for a push of which no delivery came, and which the sweeper found.
    origin      text not null default 'webhook' check (origin in ('webhook', 'sweep')),
    -- As the provider shows it; never trusted.
    delivery_id text not null default '',
    event       text not null default '',
    verdict     text not null,
    deploy_id   uuid,
    sha         text,
    branch      text,
    -- Which of the two secrets it was signed with, during a rotation.
    secret      text check (secret in ('current', 'previous')),
    received_at timestamptz not null
);

create index deliveries_of_app on deliveries (app_id, delivery_no desc);
create index deliveries_by_age on deliveries (received_at);

-- Work that one replica does at a time; whoever holds it renews it.
create table duties (
    name       text primary key,
    holder     uuid not null,
    held_until timestamptz not null
);
