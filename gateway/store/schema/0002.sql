-- Airtime of each sub-band, named by its lower edge in Hz, that may count against its duty cycle for
-- another hour from `at`: wall time in Unix seconds, NULL while unknown or doubtful.
CREATE TABLE airtime (
    low INTEGER PRIMARY KEY,
    airtime_us INTEGER NOT NULL,
    at REAL
);
