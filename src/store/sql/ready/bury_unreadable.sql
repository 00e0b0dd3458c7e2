-- bury_unreadable(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], int4)
-- Ends as dead the unreadable jobs of a claim that failed, so that the others can be claimed.
--
-- $1 to $8  as claim_jobs
-- Returns: id uuid, reason text
--
-- Locks: rows of ready, skip locked. Index: ready_claim_key, as claim_jobs. Cost: O(limit), each job
-- read in a subtransaction of its own. Safe to repeat: yes. Zero rows: all jobs can be read, or other
-- transactions have locked them.
select job_id as id, reason from djps.bury_unreadable($1, $2, $3, $4, $5, $6, $7, $8)
