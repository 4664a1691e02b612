-- Up Migration

create table transactions (
  tx_id uuid primary key default gen_random_uuid(),
  order_id uuid not null references orders,
  attempt integer not null check (attempt > 0),
  version integer not null default 1,
  status text not null check (status in ('prepared', 'created', 'executing', 'succeeded', 'failed', 'cancelled')),
  reference text not null unique,
  base_url text not null,
  organisation text not null,
  quote_id text not null,
  quote_option_id text not null unique,
  quote_rate rate not null,
  option_expires_at timestamptz not null,
  quoted_debit amount not null,
  quoted_recipient amount not null,
  quoted_destination_fee numeric not null check (quoted_destination_fee >= 0 and quoted_destination_fee <> 'NaN'),
  fees jsonb not null default '[]',
  direction text not null,
  target_rate rate not null,
  floor_rate rate,
  all_in_rate numeric not null check (all_in_rate > 0 and all_in_rate <> 'NaN'),
  conduit_order_id text unique,
  conduit_transaction_id text,
  locked_debit amount,
  locked_recipient amount,
  locked_destination_fee numeric check (locked_destination_fee >= 0 and locked_destination_fee <> 'NaN'),
  locked_rate rate,
  lock_fault text check (lock_fault in ('auto_execute', 'assets', 'unreadable')),
  lock_expires_at timestamptz,
  settled_debit numeric,
  settled_recipient numeric,
  raw_response jsonb,
  unknown_since timestamptz,
  observed text check (observed in ('absent', 'pending', 'claimed', 'terminal')),
  observed_begun_at timestamptz,
  end_kind text check (end_kind in ('succeeded', 'failed', 'cancelled')),
  end_code text,
  end_linked text check (end_linked in ('none', 'no_effect', 'open', 'completed')),
  end_first_read_at timestamptz,
  lookup_result text check (lookup_result in ('absent', 'pending', 'claimed', 'terminal', 'ambiguous', 'unavailable')),
  lookup_begun_at timestamptz,
  next_lookup_at timestamptz,
  closed_by text check (closed_by in ('fence', 'reading')),
  closed_at timestamptz,
  orphan_until timestamptz,
  orphan_closed_at timestamptz,
  orphan_audited_at timestamptz,
  orphan_alarmed_at timestamptz,
  created_at timestamptz not null default app_now(),
  updated_at timestamptz not null default app_now(),
  unique (order_id, attempt),
  constraint closed_when_ended check ((closed_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))),
  constraint created_has_its_order check (status <> 'created' or conduit_order_id is not null),
  constraint locked_together check ((locked_debit is null) = (locked_recipient is null) and (locked_debit is null) = (locked_destination_fee is null))
);
comment on table transactions is 'Attempts: each is at most one order at the provider, under one reference.';
comment on column transactions.reference is '<order id>:g<attempt>, the provider''s clientReferenceId.';
comment on column transactions.organisation is 'With base_url: from where alone an "absent" counts.';
comment on column transactions.target_rate is 'The condition as it was when the attempt was decided.';
comment on column transactions.unknown_since is 'Since when a send of the attempt has no reply that proves anything.';
comment on column transactions.observed is 'The strongest reading so far: absent < pending < claimed < terminal. Weaker readings are stale.';
comment on column transactions.end_first_read_at is 'When the end was first read: a failure without linked transactions needs a second reading.';
comment on column transactions.lookup_result is 'What the newest look-up said, stale or not: bookkeeping.';
comment on column transactions.closed_by is 'fence: closed by us before any effect was possible. reading: closed on the provider''s word.';
comment on column transactions.orphan_until is 'Set when a closed attempt may have left an order at the provider, which is followed to its end.';
comment on column transactions.orphan_alarmed_at is 'Money was seen moving under this closed attempt, and people were called.';
comment on column transactions.orphan_audited_at is 'A day after an orphan was closed it is looked up once more; that keeps nothing open.';

-- At most one live attempt and one success per order: the database''s own half of "once".
create unique index transactions_one_live on transactions (order_id) where status in ('prepared', 'created', 'executing');
create unique index transactions_one_success on transactions (order_id) where status = 'succeeded';
create index transactions_unknown on transactions (unknown_since) where unknown_since is not null;
create index transactions_to_audit on transactions (orphan_closed_at) where orphan_until is not null and orphan_audited_at is null;
create index transactions_conduit_transaction on transactions (conduit_transaction_id);
create index transactions_lookup_due on transactions (next_lookup_at) where status in ('prepared', 'created', 'executing');
create index transactions_orphans on transactions (next_lookup_at) where orphan_until is not null and orphan_closed_at is null;

create function check_attempt_edge() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and not (old.status || '>' || new.status = any (array[
    'prepared>created', 'prepared>executing', 'prepared>succeeded', 'prepared>failed', 'prepared>cancelled',
    'created>executing', 'created>succeeded', 'created>failed', 'created>cancelled',
    'executing>created', 'executing>succeeded', 'executing>failed', 'executing>cancelled'])) then
    raise exception 'attempt % of order % may not go from % to %', old.attempt, old.order_id, old.status, new.status using errcode = 'CT001';
  end if;
  if new.status <> old.status and new.version <> old.version + 1 then
    raise exception 'attempt % of order % changes state without its version', old.attempt, old.order_id using errcode = 'CT002';
  end if;
  return new;
end $$;
create trigger attempt_edge before update on transactions for each row execute function check_attempt_edge();

create table conduit_sends (
  send_id bigint generated always as identity primary key,
  order_id uuid not null,
  attempt integer not null,
  operation text not null check (operation in ('create', 'execute', 'cancel')),
  key_number integer not null check (key_number > 0),
  idempotency_key text not null,
  body text,
  permitted_at timestamptz not null default app_now(),
  outcome text check (outcome in ('unsent', 'accepted', 'no_effect', 'exists', 'unknown')),
  code text,
  http_status integer,
  correlation_id text,
  reply jsonb,
  retry_at timestamptz,
  replied_at timestamptz,
  foreign key (order_id, attempt) references transactions (order_id, attempt),
  constraint replied_together check ((outcome is null) = (replied_at is null))
);
comment on table conduit_sends is 'One row per physical request that may have an effect, written before it leaves, with its own reply.';
comment on column conduit_sends.outcome is 'Null: no reply was stored, so nothing is known of its effect.';
create index conduit_sends_of_attempt on conduit_sends (order_id, attempt, send_id);
-- The bytes behind one key never change: a second body under a used key could move other money.
create function check_send_body() returns trigger language plpgsql as $$
begin
  if exists (select from conduit_sends where idempotency_key = new.idempotency_key and body is distinct from new.body) then
    raise exception 'key % was first sent with other bytes', new.idempotency_key using errcode = 'CT005';
  end if;
  return new;
end $$;
create trigger send_body before insert on conduit_sends for each row execute function check_send_body();
create index conduit_sends_key on conduit_sends (idempotency_key);

-- "executed" without a succeeded attempt, or a success under an order that says otherwise, cannot be committed.
create function check_executed() returns trigger language plpgsql as $$
declare
  order_status text;
  successes integer;
begin
  select status into order_status from orders where order_id = new.order_id;
  select count(*) into successes from transactions where order_id = new.order_id and status = 'succeeded';
  if (order_status = 'executed') <> (successes = 1) then
    raise exception 'order % is % with % succeeded attempts', new.order_id, order_status, successes using errcode = 'CT006';
  end if;
  if order_status in ('executed', 'cancelled', 'expired', 'failed')
     and exists (select from transactions where order_id = new.order_id and status in ('prepared', 'created', 'executing')) then
    raise exception 'order % is % with a live attempt', new.order_id, order_status using errcode = 'CT007';
  end if;
  return null;
end $$;
create constraint trigger order_agrees after update of status on orders deferrable initially deferred
  for each row execute function check_executed();
create constraint trigger attempt_agrees after insert or update of status on transactions deferrable initially deferred
  for each row execute function check_executed();
