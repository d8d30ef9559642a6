-- When the permission to delete it was given of which it was said that nothing came of it; each is said once.
ALTER TABLE recording ADD COLUMN unreported_at BIGINT;
CREATE INDEX recording_permitted ON recording (deleted_at, permitted_at);
