-- FCntUp of sessions in which nothing else has changed, a few bytes a frame instead of a row of
-- `session`: gateway/store/counts.py. The highest of a session counts, here and in its row.
CREATE TABLE f_cnt_up (
    number INTEGER PRIMARY KEY,
    counts BLOB NOT NULL
);
