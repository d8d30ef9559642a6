-- What hosts are asked for: a look at themselves. `asked_by` is the human; `state` is `waiting`,
-- `looking`, `kept` or `failed`, and only `looking` and later have a bastion.
CREATE TABLE look (
    look TEXT PRIMARY KEY,
    host TEXT NOT NULL REFERENCES host (host),
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    claim_by BIGINT NOT NULL,
    state TEXT NOT NULL,
    bastion TEXT,
    answer_by BIGINT,
    number BIGINT,
    detail TEXT
);
CREATE INDEX look_host ON look (host, state);
CREATE INDEX look_asked ON look (asked_at);
