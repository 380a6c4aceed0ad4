-- The moment (Unix time) before which a downlink does not go; NULL: as soon as it can.
ALTER TABLE downlink ADD COLUMN at REAL;
