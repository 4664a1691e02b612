-- Up Migration

alter table transactions
  add column linked_transaction_ids text[] not null default '{}',
  add column end_read_again_at timestamptz;
comment on column transactions.linked_transaction_ids is 'Every transaction that any reading has shown as linked to the provider''s order.';
comment on column transactions.end_first_read_at is 'Since when the end reads as it does. That a failure had no effect needs a second reading.';
comment on column transactions.end_read_again_at is 'When the newest reading began that said the same as the first.';
update transactions set linked_transaction_ids = array[conduit_transaction_id] where conduit_transaction_id is not null;
-- What was read of closed attempts before, and nobody followed: their open orders end by the alarm for it.
update transactions t set orphan_until = coalesce(t.orphan_until, app_now()), orphan_closed_at = null, next_lookup_at = app_now()
from orders o where o.order_id = t.order_id and o.closed_at is null and t.closed_at is not null
  and (t.observed = 'claimed' or t.end_kind = 'succeeded' or t.end_linked in ('open', 'completed'));

-- What was read of the provider's order only becomes stronger: a later read may lag, and what it no longer shows has happened all the same.
create function check_readings_rise() returns trigger language plpgsql as $$
declare
  ranks constant text[] := array['absent', 'pending', 'claimed', 'terminal'];
begin
  if old.observed is not null and array_position(ranks, new.observed) is distinct from
       greatest(array_position(ranks, old.observed), array_position(ranks, new.observed))
     or old.conduit_order_id <> coalesce(new.conduit_order_id, '')
     or old.end_kind <> coalesce(new.end_kind, '')
     or (old.end_linked = 'completed' and new.end_linked is distinct from 'completed')
     or not new.linked_transaction_ids @> old.linked_transaction_ids then
    raise exception 'attempt % of order % would forget what was read of it', old.attempt, old.order_id using errcode = 'CT009';
  end if;
  return new;
end $$;
create trigger readings_rise before update on transactions for each row execute function check_readings_rise();
