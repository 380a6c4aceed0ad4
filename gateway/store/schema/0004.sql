-- LoRaWAN 1.1 and MAC commands: its second downlink counter, the NetID in the keys of a 1.0.x join,
-- the last RJcount0, and as JSON what the device is set to ({} as long as nothing is special).
ALTER TABLE session ADD COLUMN version TEXT NOT NULL DEFAULT '1.0';
ALTER TABLE session ADD COLUMN a_f_cnt_down INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN a_f_cnt_down_reserved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN net_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN rj_count_0 INTEGER NOT NULL DEFAULT -1;
ALTER TABLE session ADD COLUMN mac TEXT NOT NULL DEFAULT '{}';

-- Of each device's Rejoin-Requests the last accepted: RJcount1 only rises under one JoinEUI, and
-- JoinNonce for ever.
CREATE TABLE accepted_rejoin (
    dev_eui TEXT NOT NULL,
    join_eui TEXT NOT NULL,
    rj_count_1 INTEGER NOT NULL,
    join_nonce INTEGER NOT NULL,
    PRIMARY KEY (dev_eui, join_eui)
) WITHOUT ROWID;
