-- Up Migration

-- A version of an order and its event are committed together, or neither is: numbers have no gap, and a statement that strays from its
-- transaction is refused.
create function check_version_has_event() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.version not in (old.version, old.version + 1)
     or not exists (select from order_events where order_id = new.order_id and number = new.version) then
    raise exception 'order % has version % without its event', new.order_id, new.version using errcode = 'CT008';
  end if;
  return null;
end $$;
create constraint trigger version_has_its_event after insert or update of version on orders deferrable initially deferred
  for each row execute function check_version_has_event();

create function check_event_has_version() returns trigger language plpgsql as $$
begin
  if not exists (select from orders where order_id = new.order_id and version >= new.number) then
    raise exception 'order % has event % without its version', new.order_id, new.number using errcode = 'CT008';
  end if;
  return null;
end $$;
create constraint trigger event_has_its_version after insert on order_events deferrable initially deferred
  for each row execute function check_event_has_version();
