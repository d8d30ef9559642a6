-- When a bastion was last heard; nothing for those that were not since this is noted.
ALTER TABLE bastion ADD COLUMN seen_at BIGINT;
-- When the time of a recording is over that a bastion has and none has sealed; nothing once it is sealed, or that was looked
-- into.
ALTER TABLE recording ADD COLUMN lost_at BIGINT;
INSERT INTO recording (session, lost_at)
    SELECT session, expires_at + retention * 1000000 FROM session
    WHERE bastion IS NOT NULL AND retention IS NOT NULL
    ON CONFLICT (session) DO UPDATE SET lost_at = excluded.lost_at WHERE recording.bastion IS NULL;
CREATE INDEX recording_lost ON recording (lost_at);
