-- The database's time, and whether the job of the upload :upload is known already.
\ir run.sql
select clock_timestamp(), count(*) from run where path = :'upload';
