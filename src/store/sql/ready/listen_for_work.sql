-- listen_for_work()
-- Subscribes this session to notify_workers. Each notification carries the name of a queue.
--
-- Returns: listening bool
--
-- Locks: none. Cost: constant. Safe to repeat: yes.
select djps.listen_for_work() as listening
