-- Downlinks that the city has sent: waiting, handed_over, awaits_ack or done. Those that are done stay
-- a while, so that a command that comes again is known by its correlation. expires_at is Unix time;
-- session (hex) and f_cnt are those it was sent with.
CREATE TABLE downlink (
    number INTEGER PRIMARY KEY,
    correlation TEXT NOT NULL,
    dev_eui TEXT NOT NULL,
    f_port INTEGER NOT NULL,
    payload BLOB NOT NULL,
    confirmed INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    expires_at REAL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    session TEXT NOT NULL,
    f_cnt INTEGER
);
