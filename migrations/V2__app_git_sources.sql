-- Which repository and branch an app follows, and the secret its deliveries are signed with. The ingress answers a
-- delivery from one read of this row.
create table app_git_sources (
    app_id                uuid primary key references apps on delete cascade,
    provider              text not null check (provider in ('github', 'gitlab')),
    repo_full_name        text not null,
    -- The provider's numeric id: learnt from the first authentic delivery of this name, then it decides (a repository
    -- may be renamed, and another may take its name).
    repo_id               bigint,
    clone_url             text not null,
    branch                text not null default 'main',
    auto_deploy_enabled   boolean not null default true,
    -- The rollback that paused auto-deploy, until somebody resumes it. Written with the line's state.
    auto_deploy_paused_by uuid,
    -- Sealed (AEAD, key id first, the row's identity as associated data). There is no app without a secret.
    webhook_secret        bytea not null check (length(webhook_secret) > 24),
    -- GitLab's signing token, sealed; when there is one and `signing_required`, nothing else is accepted.
    signing_token         bytea,
    signing_required      boolean not null default false,
    -- Moves only when a rollout is complete, in the transaction that records it.
    last_deploy_sha       text check (last_deploy_sha ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'),
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now()
);
