-- Delivered readings, kept for a replay in blocks. Their numbers are those of the segments'. begins and
-- ends are the wall times of the oldest and the newest reading, NULL where one has none; stored_at is
-- when the block was written, NULL while unknown or doubtful. All are Unix seconds.
CREATE TABLE archive (
    number INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    begins REAL,
    ends REAL,
    stored_at REAL
);

-- Each block's readings as a zlib-compressed JSON array, apart: who looks through the table above
-- does not go through all of their pages.
CREATE TABLE archive_block (
    number INTEGER PRIMARY KEY,
    readings BLOB NOT NULL
);

-- What the city has commanded beside downlinks: waiting or done. Those that are done stay a while, so
-- that a command that comes again is known by its correlation. A replay has a span (Unix time, and one
-- device or NULL for all) and how far it has come: up to which block, and how many readings.
CREATE TABLE command (
    number INTEGER PRIMARY KEY,
    correlation TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    device TEXT,
    begins REAL,
    ends REAL,
    cursor INTEGER NOT NULL,
    count INTEGER NOT NULL,
    damaged INTEGER NOT NULL
);
