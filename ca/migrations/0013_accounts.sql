-- When the first permission to delete it was given of which nobody said what came of it: asking again is no account.
ALTER TABLE recording ADD COLUMN unaccounted_at BIGINT;
UPDATE recording SET unaccounted_at = permitted_at WHERE deleted_at IS NULL;
-- From here on: of which such permission it was said. Nothing where none was.
UPDATE recording SET unreported_at = NULL WHERE unreported_at < permitted_at;
DROP INDEX recording_permitted;
CREATE INDEX recording_unaccounted ON recording (deleted_at, unreported_at, unaccounted_at);
-- How often a bastion was permitted to delete it since bastions were told so often.
CREATE TABLE deletion_permission (
    session TEXT NOT NULL REFERENCES session (session),
    bastion TEXT NOT NULL,
    told BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (session, bastion)
);
