-- Numbers handed out once and never again; what is below `reserved` may be in use.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    reserved INTEGER NOT NULL
) WITHOUT ROWID;

-- Records not yet acknowledged: sequence numbers first .. first + count - 1, oldest first,
-- as a zlib-compressed JSON array. A row goes when all of its records are delivered, or given up.
-- received_at is the wall time of the newest, in Unix seconds, NULL while unknown or doubtful.
CREATE TABLE segment (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    received_at REAL,
    records BLOB NOT NULL
);

-- EUIs, addresses and session ids are lower-case hex, most significant byte first.
CREATE TABLE session (
    dev_eui TEXT NOT NULL,
    id TEXT NOT NULL,
    dev_addr TEXT NOT NULL,
    f_nwk_s_int_key BLOB NOT NULL,
    s_nwk_s_int_key BLOB NOT NULL,
    nwk_s_enc_key BLOB NOT NULL,
    app_s_key BLOB NOT NULL,
    f_cnt_up INTEGER NOT NULL,
    f_cnt_down INTEGER NOT NULL,
    f_cnt_down_reserved INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    PRIMARY KEY (dev_eui, id)
) WITHOUT ROWID;

-- Nonces of accepted joins are spent for ever: these rows are never deleted.
CREATE TABLE accepted_join (
    dev_eui TEXT NOT NULL,
    join_eui TEXT NOT NULL,
    dev_nonce INTEGER NOT NULL,
    join_nonce INTEGER NOT NULL,
    PRIMARY KEY (dev_eui, join_eui, dev_nonce)
) WITHOUT ROWID;

-- Small things that the next run wants to know, such as the chip's EUI while the radio is away.
CREATE TABLE note (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
