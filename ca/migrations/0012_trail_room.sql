-- How many bytes of events about it the log took from bastions.
ALTER TABLE session ADD COLUMN trail_bytes BIGINT NOT NULL DEFAULT 0;
-- The same of connections that were refused.
ALTER TABLE session ADD COLUMN refusal_bytes BIGINT NOT NULL DEFAULT 0;
-- How many it may put into the trail, as its bastion was told; nothing where none was told.
ALTER TABLE session ADD COLUMN trail_limit BIGINT;
-- When the log said that it takes no more of it.
ALTER TABLE session ADD COLUMN trail_full_at BIGINT;
