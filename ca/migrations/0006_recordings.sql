-- How long a session's recording is kept, in seconds, and what said so; nothing for sessions of before.
ALTER TABLE session ADD COLUMN retention BIGINT;
ALTER TABLE session ADD COLUMN retention_rule TEXT;

-- What is known of a session's recording: from when it was sealed, or held.
CREATE TABLE recording (
    session TEXT PRIMARY KEY REFERENCES session (session),
    bastion TEXT,
    sealed_at BIGINT,
    manifest TEXT,
    bytes BIGINT,
    cut BOOLEAN NOT NULL DEFAULT FALSE,
    store TEXT,
    -- When its time is over.
    due_at BIGINT,
    held_at BIGINT,
    held_by TEXT,
    held_reason TEXT,
    -- How often the bastions were told that it is, and from when on they are told again.
    told BIGINT NOT NULL DEFAULT 0,
    tell_at BIGINT,
    -- When a bastion was last permitted to delete it.
    permitted_at BIGINT,
    deleted_at BIGINT
);
CREATE INDEX recording_due ON recording (deleted_at, due_at);
