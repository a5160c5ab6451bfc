-- The history of a project. Times are seconds since 1970 in UTC; within a run they come from one monotonic
-- clock, so that no duration is ever negative. Nodes are numbers in the outline of the run's plan.

-- What of a flow's code and graph is remembered, once for all runs that share it: JSON, compressed by zlib.
CREATE TABLE outlines (
    digest   BLOB PRIMARY KEY,
    document BLOB NOT NULL
) WITHOUT ROWID;

-- The parts of a task's code, for saying what changed and what is not seen: JSON, a list of
-- [kind, name, digest, place].
CREATE TABLE codes (
    digest BLOB PRIMARY KEY,
    parts  TEXT NOT NULL
) WITHOUT ROWID;

-- A run: `number` and `name` are what people call it, `uid` sorts by time.
CREATE TABLE runs (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    uid        TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL UNIQUE,
    flow       TEXT NOT NULL,
    ref        TEXT NOT NULL,           -- `flows/etl.py:etl`; empty where it cannot be loaded again
    status     INTEGER NOT NULL,        -- flowkit.store.run_status
    reason     TEXT NOT NULL DEFAULT '',
    started    REAL NOT NULL,
    ended      REAL,
    parameters TEXT NOT NULL,           -- JSON, for people; secret ones are `null` and named in `asked`
    asked      TEXT NOT NULL,           -- JSON: how it was started: selection, forced tasks, persistence, secrets, environment
    outline    BLOB NOT NULL,
    parent     INTEGER,                 -- the run whose task has started this one
    exit_code  INTEGER,
    counts     TEXT NOT NULL DEFAULT '{}', -- JSON: how many tasks ended in which status
    bytes      INTEGER NOT NULL DEFAULT 0  -- of its results in files
);
CREATE INDEX runs_of_flow ON runs (flow, number);
CREATE INDEX runs_that_go_on ON runs (number) WHERE status=0;

-- One process that carried a run out; a resumed run has several.
CREATE TABLE sessions (
    run       INTEGER NOT NULL,
    session   INTEGER NOT NULL,
    started   REAL NOT NULL,
    ended     REAL,
    pid       INTEGER NOT NULL,
    host      TEXT NOT NULL,
    boot      TEXT NOT NULL,
    born      TEXT NOT NULL,            -- when the process started, as its system counts
    executor  TEXT NOT NULL,
    workers   INTEGER NOT NULL,
    command   TEXT NOT NULL,
    flowkit   TEXT NOT NULL,
    python    TEXT NOT NULL,
    exit_code INTEGER,
    PRIMARY KEY (run, session)
) WITHOUT ROWID;

-- One attempt of a task (`child` is -1) or of a child of a mapped one. Attempt 0: decided without an attempt.
-- Of a mapped task itself there are rows with attempt 0, and -1 for its expansion (`detail` is the width).
CREATE TABLE attempts (
    run     INTEGER NOT NULL,
    node    INTEGER NOT NULL,
    child   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status  INTEGER NOT NULL,           -- flowkit.plan.status
    started REAL NOT NULL,
    ended   REAL NOT NULL,              -- 0 while it runs
    worker  TEXT,
    detail  TEXT,                       -- JSON, where there is more to say
    batch   INTEGER NOT NULL,           -- the commit that it came with; its result lies in that batch
    session INTEGER NOT NULL,
    PRIMARY KEY (run, node, child, attempt)
) WITHOUT ROWID;

-- The results of one commit: see store/batch.py.
CREATE TABLE results (
    run   INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (run, batch)
);

-- What tasks printed and logged, in order. Level: that of `logging`, 0 for prints.
CREATE TABLE logs (
    run     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    node    INTEGER NOT NULL,
    child   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at      REAL NOT NULL,
    stream  TEXT NOT NULL,
    level   INTEGER NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (run, line)
) WITHOUT ROWID;

-- Results that are found again by what they were made from.
CREATE TABLE cache (
    key     BLOB PRIMARY KEY,
    flow    TEXT NOT NULL,
    task    TEXT NOT NULL,              -- `clean`, or `clean[3]`
    run     INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    made    REAL NOT NULL,
    used    REAL NOT NULL,
    took    REAL NOT NULL,              -- seconds that making it took
    bytes   INTEGER NOT NULL,
    code    BLOB NOT NULL,
    origin  TEXT NOT NULL,              -- JSON: what an attempt remembers that finds it, see plan/events.py
    data    BLOB NOT NULL,              -- a batch with one result
    log     TEXT NOT NULL               -- JSON: [stream, level, text]
);
CREATE INDEX cache_of_task ON cache (flow, task, made);
CREATE INDEX cache_by_use ON cache (used, bytes);

-- Which files of results are needed, and by whom: `run 42`, or `cache` and the key in hex.
CREATE TABLE files (
    digest TEXT NOT NULL,
    owner  TEXT NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (digest, owner)
) WITHOUT ROWID;
CREATE INDEX files_of_owner ON files (owner);
