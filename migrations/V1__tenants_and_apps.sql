-- Who owns what. One tenant until the control plane brings more; every app belongs to one from the start, so that
-- no row has to be given an owner later.
create table tenants (
    tenant_id  uuid primary key,
    name       text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    created_at timestamptz not null default now()
);

insert into tenants (tenant_id, name) values ('00000000-0000-0000-0000-000000000001', 'default');

-- The name is a DNS label: it names the Deployment, the Service and the host, so it is unique on the whole cluster.
create table apps (
    app_id     uuid primary key,
    tenant_id  uuid not null references tenants,
    name       text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    created_at timestamptz not null default now()
);
