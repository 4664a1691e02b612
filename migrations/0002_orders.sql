-- Up Migration

create table orders (
  order_id uuid primary key,
  user_id uuid not null references users,
  status text not null check (status in ('accepted', 'watching', 'executing', 'executed', 'cancelled', 'expired', 'failed')),
  version integer not null default 1 check (version > 0),
  pair text not null,
  from_currency text not null,
  from_network text,
  to_currency text not null,
  to_network text,
  source_account text not null references account_owners,
  destination_account text not null references account_owners,
  amount amount not null,
  target_rate rate not null,
  direction text not null check (direction in ('>=', '<=')),
  floor_rate rate,
  expires_at timestamptz not null,
  idempotency_key text not null,
  quoted_rate rate not null,
  trigger_rate numeric not null check (trigger_rate >= 0 and trigger_rate <> 'NaN'),
  trigger_floor numeric check (trigger_floor >= 0 and trigger_floor <> 'NaN'),
  next_check_at timestamptz not null,
  look_due_at timestamptz not null,
  attempts integer not null default 0,
  failed_looks integer not null default 0,
  last_attempted_at timestamptz,
  last_look_rate numeric,
  cancel_refused_at timestamptz,
  reason text check (reason in ('rate_not_met', 'rate_suspect', 'quote_unusable', 'quote_failed', 'quote_refused', 'quote_expired',
    'lock_unacceptable', 'insufficient_funds', 'provider_busy', 'provider_refused', 'provider_failed', 'cancelled_by_provider',
    'attempt_without_effect', 'attempt_limit', 'account_changed', 'paused', 'expiring', 'cancel_requested', 'orphan_executed',
    'partial_effect')),
  provider_code text,
  created_at timestamptz not null default app_now(),
  updated_at timestamptz not null default app_now(),
  closed_at timestamptz,
  constraint floor_only_below check ((direction = '<=') = (floor_rate is not null) and (direction = '<=') = (trigger_floor is not null)),
  constraint floor_under_target check (floor_rate <= target_rate),
  constraint two_accounts check (source_account <> destination_account),
  constraint expires_after_creation check (expires_at > created_at),
  constraint closed_when_terminal check ((closed_at is not null) = (status in ('executed', 'cancelled', 'expired', 'failed'))),
  constraint refused_cancel_is_never_confirmed check (cancel_refused_at is null or status <> 'cancelled'),
  unique (user_id, idempotency_key)
);
comment on column orders.source_account is 'Bound when the order is placed: a later change of the user''s accounts never redirects it.';
comment on column orders.floor_rate is 'For <=: the lowest all-in rate accepted, so that a collapsing price is not taken for a good one.';
comment on column orders.quoted_rate is 'The reference rate of the quote the order was accepted with.';
comment on column orders.trigger_rate is 'The pair''s reference rate from which the order is worth a firm quote; from its newest firm quote.';
comment on column orders.trigger_floor is 'For <=: the reference rate under which the floor would be missed.';
comment on column orders.next_check_at is 'The watcher does not wake the order before this.';
comment on column orders.look_due_at is 'The order takes a firm look of its own at this time, so that its trigger does not age.';
comment on column orders.attempts is 'Firm looks taken.';
comment on column orders.failed_looks is 'Looks in a row that got no usable quote: the back-off counts them.';
comment on column orders.last_look_rate is 'The all-in rate of the newest firm look.';
comment on column orders.cancel_refused_at is 'A cancel was answered too_late: no further permit; without effect the order ends failed.';

-- What the watcher''s sweep asks for: armed orders of a pair, per direction, and those whose own look is due.
create index orders_watching_up on orders (pair, trigger_rate, next_check_at) where status = 'watching' and direction = '>=';
create index orders_watching_down on orders (pair, trigger_rate, next_check_at) where status = 'watching' and direction = '<=';
create index orders_look_due on orders (pair, look_due_at) where status = 'watching';
create index orders_open_expiry on orders (expires_at) where closed_at is null;
create index orders_closed on orders (closed_at) where closed_at is not null;
create index orders_open_pair on orders (pair, created_at) where closed_at is null;

-- The state machine, held by the database itself: no code path, stale or new, may take another edge.
create function check_order_edge() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and not (old.status || '>' || new.status = any (array[
    'accepted>watching', 'accepted>cancelled', 'accepted>expired', 'accepted>failed',
    'watching>executing', 'watching>executed', 'watching>cancelled', 'watching>expired', 'watching>failed',
    'executing>executed', 'executing>watching', 'executing>expired', 'executing>failed'])) then
    raise exception 'order % may not go from % to %', old.order_id, old.status, new.status using errcode = 'CT001';
  end if;
  if new.status <> old.status and new.version <> old.version + 1 then
    raise exception 'order % changes state without its version', old.order_id using errcode = 'CT002';
  end if;
  if new.status = 'expired' and old.status <> 'expired' and app_now() < new.expires_at then
    raise exception 'order % may not expire before its time', old.order_id using errcode = 'CT003';
  end if;
  if (new.amount, new.pair, new.direction, new.user_id, new.source_account, new.destination_account, new.idempotency_key)
     is distinct from (old.amount, old.pair, old.direction, old.user_id, old.source_account, old.destination_account, old.idempotency_key) then
    raise exception 'order % : its terms are for good', old.order_id using errcode = 'CT004';
  end if;
  return new;
end $$;
create trigger order_edge before update on orders for each row execute function check_order_edge();

create table idempotency_keys (
  user_id uuid not null references users,
  key text not null check (key ~ '^[A-Za-z0-9_.:-]{1,128}$'),
  order_id uuid not null references orders deferrable initially deferred,
  request_hash bytea not null,
  hash_version smallint not null,
  created_at timestamptz not null default app_now(),
  primary key (user_id, key)
);
comment on table idempotency_keys is 'One key, one order, bound to the body it first came with; kept as long as the order.';

create table order_events (
  order_id uuid not null references orders,
  number integer not null,
  dedupe_key text not null,
  event text not null,
  status text not null,
  reason text,
  actor text not null check (actor in ('api', 'workflow', 'reconciler', 'operator')),
  attempt integer,
  detail jsonb not null default '{}',
  occurred_at timestamptz not null default app_now(),
  primary key (order_id, number),
  unique (order_id, dedupe_key)
);
comment on table order_events is 'One row per version of an order: what happened, by whom. Numbers have no gap: number = version.';
comment on column order_events.dedupe_key is 'The fact in words; the same fact recorded twice is refused here.';
