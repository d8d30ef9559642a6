-- One past the highest UID to which the host attested: what it may hand out next, whatever it
-- remembers itself.
ALTER TABLE host ADD COLUMN uid_floor BIGINT;
