CREATE TABLE identity (instance TEXT NOT NULL) STRICT;

CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TRIGGER records_follow BEFORE INSERT ON records
WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM records)
BEGIN SELECT raise(ABORT, 'records follow each other without gaps'); END;

CREATE TRIGGER records_stay_as_they_are BEFORE UPDATE ON records
BEGIN SELECT raise(ABORT, 'records are never changed'); END;

CREATE TRIGGER records_stay BEFORE DELETE ON records
BEGIN SELECT raise(ABORT, 'records are never removed'); END;

CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;
