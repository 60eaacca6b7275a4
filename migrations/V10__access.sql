-- Who may ask the management API for what: tokens of a tenant, each with a scope that includes the smaller ones. Only
-- their hashes are kept, so that whoever reads this table can use none.
create table api_tokens (
    token_id     uuid primary key,
    tenant_id    uuid not null references tenants,
    name         text not null check (length(name) between 1 and 100),
    -- The first characters, by which people recognise a token.
    prefix       text not null,
    -- SHA-256 of the whole token: 256 random bits need no salt.
    token_hash   bytea not null unique check (length(token_hash) = 32),
    scope        text not null check (scope in ('read', 'deploy', 'admin')),
    created_by   text not null,
    created_at   timestamptz not null default now(),
    -- Null: never.
    expires_at   timestamptz,
    -- To the minute.
    last_used_at timestamptz,
    revoked_at   timestamptz
);

create index api_tokens_of_tenant on api_tokens (tenant_id, token_id);

-- Every change that somebody asked for: written before it is made, completed with its status afterwards. A row without
-- a status is a change of which it is not known how it ended.
create table audit_log (
    -- In the order of time.
    audit_id  uuid primary key,
    tenant_id uuid not null references tenants,
    at        timestamptz not null default now(),
    -- Null for the operator's token, which is no row.
    token_id  uuid,
    -- Who, for people.
    actor     text not null,
    -- Method and pattern of the route.
    action    text not null,
    -- What the path names.
    target    text not null default '',
    -- From where.
    client    text not null,
    status    int
);

create index audit_log_of_tenant on audit_log (tenant_id, audit_id);

-- Answers to POST requests with an `Idempotency-Key`, for a day: the same request again has the same answer.
create table idempotency_keys (
    tenant_id    uuid not null references tenants,
    key          text not null,
    -- SHA-256 of actor, method, path and body: the same key for another request is a mistake.
    request_hash bytea not null check (length(request_hash) = 32),
    claimed_at   timestamptz not null default now(),
    -- Null while the first request is underway.
    status       int,
    -- The body, sealed: it may show a token.
    answer       bytea,
    primary key (tenant_id, key)
);

create index idempotency_keys_by_age on idempotency_keys (claimed_at);
-- An app that was deleted stays for its history; its name is free again.
alter table apps
    add column deleted_at   timestamptz,
    -- What its objects on the cluster are called.
    add column deleted_name text,
    -- Since when the cluster has none of them; null while they are still to be deleted.
    add column removed_at   timestamptz;

create index apps_to_remove on apps (deleted_at) where deleted_at is not null and removed_at is null;
