-- Up Migration

create table outbox (
  message_id bigint generated always as identity primary key,
  topic text not null check (topic in ('order-checks', 'order-changes', 'conduit-events')),
  payload jsonb not null,
  created_at timestamptz not null default app_now(),
  claimed_until timestamptz,
  published_at timestamptz
);
comment on table outbox is 'Messages written in the transaction of the fact they tell; the relay publishes them at least once.';
comment on column outbox.claimed_until is 'A relay is publishing it until then; after that another may, so that a killed relay loses nothing.';
create index outbox_unpublished on outbox (message_id) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;

create table inbox (
  event_id text primary key,
  type text not null,
  order_id uuid,
  body jsonb not null,
  received_at timestamptz not null default app_now()
);
comment on table inbox is 'The provider''s webhooks by their event id: the second delivery of one changes nothing.';
comment on column inbox.order_id is 'Our order the event speaks of; null when it is not ours.';
create index inbox_received on inbox (received_at);
