-- Up Migration

-- Keys that began alike before this are told apart by a number: what is shown of a key is all that it can be revoked by.
update api_keys k set prefix = k.prefix || '~' || same.number
from (
  select key_hash, row_number() over (partition by prefix order by created_at, key_hash) as number
  from api_keys where revoked_at is null) same
where k.key_hash = same.key_hash and same.number > 1;

create unique index api_keys_live_prefix on api_keys (prefix) where revoked_at is null;
comment on column api_keys.prefix is 'The key''s first characters, for live keys unlike every other''s.';
