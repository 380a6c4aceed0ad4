-- zlib's CRC-32 of f_cnt_up; NULL where an older version wrote the row.
ALTER TABLE session ADD COLUMN crc INTEGER;
