-- A tenant's way into its repositories, and the webhooks that were registered with it.

-- A connection that was begun: used once, within five minutes, by whoever began it. The row keeps only the hash of the
-- state that travels through the browser.
create table oauth_states (
    state_hash bytea primary key check (length(state_hash) = 32),
    tenant_id  uuid not null references tenants,
    provider   text not null check (provider in ('github', 'gitlab', 'forgejo')),
    -- PKCE verifier, sealed.
    verifier   bytea not null,
    -- Who began it; the token is null for the operator's.
    actor      text not null,
    token_id   uuid,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create index oauth_states_by_age on oauth_states (expires_at);

-- One connection a tenant and provider. Secrets are sealed; the row is locked while its token is refreshed, because a
-- refresh token can be used once.
create table tenant_git_credentials (
    tenant_id       uuid not null references tenants,
    provider        text not null check (provider in ('github', 'gitlab', 'forgejo')),
    kind            text not null check (kind in ('oauth', 'token', 'github_app')),
    -- Null for a GitHub App before its first use.
    access_token    bytea,
    refresh_token   bytea,
    -- Of the access token; null: never.
    expires_at      timestamptz,
    scopes          text not null default '',
    -- The account at the provider.
    account         text not null default '',
    installation_id bigint,
    -- Since when the provider refuses it, and how; null while it works.
    refused_at      timestamptz,
    refused_because text,
    connected_by    text not null,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (tenant_id, provider)
);

-- An installation's number is no secret: nobody gets at another tenant's repositories by naming it.
create unique index tenant_git_installations on tenant_git_credentials (provider, installation_id);

alter table app_git_sources drop constraint app_git_sources_provider_check;
alter table app_git_sources
    add constraint app_git_sources_provider_check check (provider in ('github', 'gitlab', 'forgejo')),
    -- The secret before the current one, sealed: valid until then; as long as null while the provider has not been told
    -- of the current one.
    add column previous_webhook_secret bytea,
    add column previous_valid_until    timestamptz,
    -- Globs of which a push must have touched one; none: every push counts.
    add column watch_paths             text[] not null default '{}',
    -- The branch's head when it was linked: nothing that the sweeper has to make up for. Zeros: there was no such branch;
    -- null: not known yet.
    add column head_at_link            text;

-- The webhooks at the providers: of an app's link, and of earlier links until they are removed. What was begun is found
-- again by its URL, which names the app. One change at a time: `duties` has a row while an app's hooks are changed.
create table app_hooks (
    app_id         uuid not null references apps on delete cascade,
    provider       text not null,
    repo_full_name text not null,
    -- As the provider names it; null until it has answered.
    hook_id        text,
    -- What the provider is to be told: anything but 'settled' is unfinished, and is done again.
    state          text not null check (state in ('registering', 'settled', 'removing')),
    -- Why it is unfinished, for people.
    problem        text,
    updated_at     timestamptz not null default now(),
    primary key (app_id, provider, repo_full_name)
);

create unique index app_hooks_of_links on app_hooks (app_id) where state <> 'removing';
create index app_hooks_unfinished on app_hooks (updated_at) where state <> 'settled';
