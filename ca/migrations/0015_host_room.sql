-- How many bytes of what its host signed about it the log took; what came before this column counts as the session's.
ALTER TABLE session ADD COLUMN host_bytes BIGINT NOT NULL DEFAULT 0;
-- When the log said that it takes no more of that.
ALTER TABLE session ADD COLUMN host_full_at BIGINT;
-- How many alarms there were about what its host did not remove.
ALTER TABLE session ADD COLUMN left_alarms BIGINT NOT NULL DEFAULT 0;
