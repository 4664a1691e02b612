-- Up Migration

-- A version of an order and its event are committed together, or neither is: a statement that strays from its transaction is refused.
create function check_order_events() returns trigger language plpgsql as $$
declare
  newest integer;
  row_version integer;
begin
  select version into row_version from orders where order_id = new.order_id;
  select max(number) into newest from order_events where order_id = new.order_id;
  if newest is distinct from row_version then
    raise exception 'order % has version % and its newest event number %', new.order_id, row_version, newest using errcode = 'CT008';
  end if;
  return null;
end $$;
create constraint trigger version_has_its_event after insert or update of version on orders deferrable initially deferred
  for each row execute function check_order_events();
create constraint trigger event_has_its_version after insert on order_events deferrable initially deferred
  for each row execute function check_order_events();
