-- Up Migration

-- The one clock of every decision. A test may replace this function in its own database; nothing else reads the time.
create function app_now() returns timestamptz language sql volatile as 'select clock_timestamp()';
comment on function app_now() is 'Wall-clock time of every statement, also inside a transaction (unlike now()).';

-- Positive, finite, and of a size our arithmetic and the provider''s wire were checked for. NaN compares above every number in SQL.
create domain amount as numeric check (value > 0 and value < 1e18 and value <> 'NaN');
create domain rate as numeric check (value > 0 and value < 1e12 and value <> 'NaN' and scale(value) <= 18);

create table users (
  user_id uuid primary key,
  customer_id text,
  created_at timestamptz not null default app_now()
);
comment on column users.customer_id is 'The provider''s customer id (cus_…), for the operator; no money call reads it.';

create table account_owners (
  account_id text primary key check (account_id ~ '^(wlt|vac)_[0-9A-Za-z]{1,64}$'),
  user_id uuid not null references users,
  unique (account_id, user_id)
);
comment on table account_owners is 'A wallet (wlt_…) or virtual account (vac_…) at the provider belongs to one user, for good.';

create table conduit_accounts (
  account_id text not null,
  user_id uuid not null,
  asset text not null,
  active boolean not null default true,
  created_at timestamptz not null default app_now(),
  primary key (account_id, asset),
  foreign key (account_id, user_id) references account_owners (account_id, user_id)
);
comment on table conduit_accounts is 'Which account a user''s asset is paid from and into. A wallet may hold several assets.';
comment on column conduit_accounts.asset is 'USDT.ethereum or USD, as in pair texts.';
create unique index conduit_accounts_one_active on conduit_accounts (user_id, asset) where active;

-- Whoever brings an account first owns it; a second user's row then fails on the foreign key above.
create function own_account() returns trigger language plpgsql as $$
begin
  insert into account_owners (account_id, user_id) values (new.account_id, new.user_id) on conflict do nothing;
  return new;
end $$;
create trigger account_owner before insert on conduit_accounts for each row execute function own_account();

create table api_keys (
  key_hash bytea primary key check (length(key_hash) = 32),
  prefix text not null,
  user_id uuid references users,
  created_at timestamptz not null default app_now(),
  revoked_at timestamptz
);
comment on table api_keys is 'SHA-256 of each key and its first characters, to recognise it by; the key itself is shown once and never kept.';
comment on column api_keys.user_id is 'The user the key acts for; null: a service key, which acts for any.';
