-- listen_for_work()
-- Has this session hear of notify_workers from now on: the name of a queue each time.
--
-- Returns: listening bool
--
-- Locks: none. Cost: constant. Safe to repeat: yes.
select djps.listen_for_work() as listening
