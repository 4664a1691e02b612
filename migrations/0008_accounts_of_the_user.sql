-- Up Migration

-- An order moves money between accounts of its own user, whatever a path of the code believes.
alter table orders
  drop constraint orders_source_account_fkey,
  drop constraint orders_destination_account_fkey,
  add constraint source_of_the_user foreign key (source_account, user_id) references account_owners (account_id, user_id),
  add constraint destination_of_the_user foreign key (destination_account, user_id) references account_owners (account_id, user_id);
