-- Up Migration

alter table order_events
  add column pages text[] not null default '{}',
  add column rung_at timestamptz;
comment on column order_events.pages is 'Why a person must be called, written with the fact itself: a crash before the call loses nothing.';
comment on column order_events.rung_at is 'When the person was called. Null with pages: not yet, so the reconciler will.';
create index order_events_unrung on order_events (occurred_at) where pages <> '{}' and rung_at is null;

alter table transactions
  add column alerted_at timestamptz,
  add column pages_missed_at timestamptz,
  drop constraint transactions_lock_fault_check,
  add constraint transactions_lock_fault_check check (lock_fault in ('auto_execute', 'assets', 'accounts', 'unreadable', 'implausible'));
comment on column transactions.pages_missed_at is 'When the list last did not show the attempt''s order: for a while after, it is looked up by itself.';
comment on column transactions.alerted_at is 'When people were last told that the attempt waits for Conduit longer than usual.';

alter table orders add column terms_read_at timestamptz;
update orders set terms_read_at = coalesce(last_attempted_at, created_at);
alter table orders alter column terms_read_at set not null, alter column terms_read_at set default app_now();
comment on column orders.terms_read_at is 'No later than the quote whose spread and fee the triggers come from was asked for: older than a change of them, the triggers are old too.';
