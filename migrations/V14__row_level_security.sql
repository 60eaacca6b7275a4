-- The second wall between tenants, behind the tenant in every query: a session that says whose it is
-- (`set_config('paas.tenant_id', …)`) sees and writes that tenant's rows only. One that does not say (webhooks before
-- their app is known, the deployer, migrations, the version before) sees all. It binds the owner of the tables, too.
create function paas_sees_tenant(row_tenant uuid) returns boolean language sql stable parallel safe as $$
    select coalesce(nullif(current_setting('paas.tenant_id', true), '') = row_tenant::text, true)
$$;

create function paas_sees_app(row_app uuid) returns boolean language sql stable parallel safe as $$
    select nullif(current_setting('paas.tenant_id', true), '') is null
        or exists (select from apps where apps.app_id = row_app
                   and apps.tenant_id::text = current_setting('paas.tenant_id', true))
$$;

do $$
declare
    name text;
begin
    foreach name in array array['apps', 'api_tokens', 'audit_log', 'idempotency_keys', 'oauth_states',
                                'tenant_git_credentials'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy of_tenant on %I using (paas_sees_tenant(tenant_id))', name);
    end loop;
    foreach name in array array['app_git_sources', 'app_hooks', 'deliveries', 'deploys', 'releases', 'build_logs'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy of_app on %I using (paas_sees_app(app_id))', name);
    end loop;
end
$$;
