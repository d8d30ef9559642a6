-- The last inventory of each host: what it found of standing access, under the identity that it had.
CREATE TABLE inventory (
    host TEXT PRIMARY KEY REFERENCES host (host),
    identity TEXT NOT NULL,
    number BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    summary TEXT NOT NULL,
    statement TEXT NOT NULL
);
