-- The digest of the first attestation that its host gave of a session.
ALTER TABLE session ADD COLUMN attestation TEXT;
-- By what a host watched its last session, as it attested since it was enrolled last; nothing where that is not known.
ALTER TABLE host ADD COLUMN watch TEXT;
-- When it attested that, which is not when that was reported.
ALTER TABLE host ADD COLUMN watch_at BIGINT;
