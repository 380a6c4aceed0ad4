-- Readings of a replay that the broker refuses for good.
ALTER TABLE command ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
