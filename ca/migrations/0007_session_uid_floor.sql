-- The lowest UID that the session's order allowed; none where it named none.
ALTER TABLE session ADD COLUMN uid_floor BIGINT;
