-- Moments are microseconds since 1970. Ids, names, digests and keys are text in the form in which
-- they travel. Lists and records are JSON text. Nothing here depends on one database's dialect.

CREATE TABLE agent (
    agent TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    review_by BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE host (
    host TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The digest of the one-time token, until it is used.
    token TEXT,
    token_expires_at BIGINT,
    enrolled_at BIGINT,
    identity TEXT,
    host_keys TEXT,
    sudo TEXT
);

CREATE TABLE bastion (
    bastion TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    egress TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    token TEXT,
    token_expires_at BIGINT,
    enrolled_at BIGINT,
    identity TEXT,
    host_key TEXT,
    recipient TEXT
);

CREATE TABLE human (
    id TEXT PRIMARY KEY,
    human TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    deprovisioned_at BIGINT
);

-- The row with the highest number is in force.
CREATE TABLE policy (
    version TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    published_at BIGINT NOT NULL,
    text TEXT NOT NULL
);

-- A row for each version. It never changes, but that it may be withdrawn, once.
CREATE TABLE bundle (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    text TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT,
    message TEXT,
    withdrawn_at BIGINT,
    withdrawn_by TEXT,
    withdrawn_reason TEXT,
    PRIMARY KEY (name, digest)
);
CREATE INDEX bundle_digest ON bundle (digest);

-- What was done to the versions of a name. The row with the name's highest number says which
-- version is in force, if any.
CREATE TABLE bundle_change (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    act TEXT NOT NULL,
    at BIGINT NOT NULL,
    by_human TEXT,
    message TEXT,
    in_force TEXT
);
CREATE INDEX bundle_change_name ON bundle_change (name, number);

CREATE TABLE session (
    session TEXT PRIMARY KEY,
    human TEXT NOT NULL,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    pair TEXT NOT NULL,
    task TEXT NOT NULL,
    account TEXT NOT NULL,
    bundle_name TEXT NOT NULL,
    bundle_digest TEXT NOT NULL,
    policy TEXT NOT NULL,
    access_serial BIGINT NOT NULL,
    session_serial BIGINT NOT NULL,
    control_serial BIGINT NOT NULL,
    order_digest TEXT NOT NULL,
    bastions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    connect_by BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    bastion TEXT,
    ended_at BIGINT,
    cause TEXT,
    killed_by TEXT
);
CREATE INDEX session_created ON session (created_at);
CREATE INDEX session_human ON session (human, created_at);
CREATE INDEX session_agent ON session (agent, created_at);
CREATE INDEX session_host ON session (host, created_at);
CREATE INDEX session_live ON session (agent, state, connect_by, expires_at);
CREATE INDEX session_state ON session (state, expires_at);
CREATE INDEX session_bundle ON session (bundle_digest, state);

CREATE TABLE used (
    nonce TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX used_until ON used (until);

CREATE TABLE feed (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    item TEXT NOT NULL
);

-- The audit log: leaf `place` of the tree is `event`, its hash `leaf`.
CREATE TABLE log_event (
    place BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    session TEXT,
    logged_at BIGINT NOT NULL,
    leaf TEXT NOT NULL,
    event TEXT NOT NULL
);
CREATE INDEX log_event_session ON log_event (session, place);

-- The inner nodes of the tree that no later event can change, numbered in order (RFC 9420,
-- appendix C).
CREATE TABLE log_node (
    number BIGINT PRIMARY KEY,
    hash TEXT NOT NULL
);

CREATE TABLE log_checkpoint (
    size BIGINT PRIMARY KEY,
    signed_at BIGINT NOT NULL,
    note TEXT NOT NULL
);
