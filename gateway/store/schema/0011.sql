-- zlib's CRC-32 of the row's counters; NULL where an older version wrote it.
ALTER TABLE f_cnt_up ADD COLUMN crc INTEGER;
