-- Up Migration

create table rate_observations (
  pair text not null,
  observed_at timestamptz not null default app_now(),
  reference_rate rate not null,
  end_user_rate rate not null,
  spread_bps numeric not null,
  fixed_fee numeric not null,
  quote_id text not null,
  primary key (pair, observed_at)
);
comment on table rate_observations is 'Good rates only: one that the sanity guard refused is not here, so the newest row is what the next one is held against.';

create table rate_baselines (
  pair text primary key,
  forgotten_at timestamptz not null
);
comment on table rate_baselines is 'A person resumed the pair: rates observed before are not held against the next one.';

create table pauses (
  scope text primary key check (scope ~ '^(all|pair:.+|account:.+)$'),
  reason text not null,
  automatic boolean not null,
  heals_by_probe boolean not null default false,
  created_at timestamptz not null default app_now()
);
comment on table pauses is 'No create or execute is permitted under a pause; look-ups, cancels and expiry go on.';
comment on column pauses.heals_by_probe is 'A successful call to the provider lifts it; otherwise a person does.';

create table provider_gate (
  singleton boolean primary key default true check (singleton),
  closed_until timestamptz not null default '-infinity'
);
comment on table provider_gate is 'After a 429 nobody calls the provider before this time.';
insert into provider_gate default values;
