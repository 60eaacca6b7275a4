-- One summary row a deploy, written with the events: what people and the ingress read.
create table deploys (
    deploy_id   uuid primary key,
    app_id      uuid not null references apps,
    -- Of the push (see the protocol's `ids`); null for a person's command.
    identity    text,
    attempt     int not null default 0,
    -- Where the push stands in the order; a later attempt keeps its first one's place.
    place_epoch bigint,
    place       bigint,
    sha         text not null,
    branch      text not null default '',
    repo        text not null default '',
    source      text not null,
    state       text not null check (state in ('requested', 'building', 'built', 'rolling_out', 'rolling_back',
                                               'live', 'failed', 'superseded', 'cancelled', 'duplicate')),
    -- The deploy that a duplicate repeats, or that superseded this one.
    other_id    uuid,
    reason      text,
    image       text,
    generation  bigint,
    clone_url   text not null default '',
    delivery_id text not null default '',
    traceparent text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    unique (app_id, identity, attempt)
);

-- One underway deploy per commit: the second layer of deduplication, behind the primary key. One that is being put back
-- is as good as ended: a push of its commit is a new try.
create unique index deploys_underway on deploys (app_id, sha)
    where state in ('requested', 'building', 'built', 'rolling_out');

create index deploys_of_app on deploys (app_id, created_at desc, deploy_id);

-- What was live, newest last; a rollback puts one of the last ten back.
create table releases (
    app_id     uuid not null references apps,
    number     bigint not null check (number > 0),
    deploy_id  uuid not null references deploys,
    sha        text not null,
    image      text not null,
    created_at timestamptz not null default now(),
    primary key (app_id, number)
);
