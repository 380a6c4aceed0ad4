-- What `kogge report` draws: the samples of one hour, packed (gateway/history.py).
CREATE TABLE history (
    hour INTEGER PRIMARY KEY,
    samples BLOB NOT NULL
);
