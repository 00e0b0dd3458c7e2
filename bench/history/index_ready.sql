-- Builds what load_day.sql did without.
alter table djps.ready add constraint ready_claim_key unique (lane, queue, priority, visible_at, id);
