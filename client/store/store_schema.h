// The tables of the store, as its migrations.
//
// Times of day are unix nanoseconds, for people; nothing is computed from them. Everything that can
// be known from a run's chunks (joules, verdict, gaps) is read from them and stands in no other
// column.
#pragma once

#include <cstdint>

namespace synergy {

inline constexpr int32_t kStoreApplicationId = 0x53594E31;  // "SYN1"

inline constexpr const char* kStoreMigrations[] = {
    // 1: boards, runs and their chunks.
    R"sql(
CREATE TABLE boards (
  board     INTEGER PRIMARY KEY,
  board_id  TEXT NOT NULL UNIQUE,
  name      TEXT NOT NULL,
  title     TEXT NOT NULL,
  simulated INTEGER NOT NULL CHECK (simulated IN (0, 1))
) STRICT;

CREATE TABLE runs (
  run               INTEGER PRIMARY KEY AUTOINCREMENT,  -- the short number for people, never used again
  board             INTEGER NOT NULL REFERENCES boards (board),
  run_id            TEXT NOT NULL,
  net               TEXT NOT NULL,
  engine            TEXT NOT NULL,
  submitted_unix_ns INTEGER NOT NULL,
  started_unix_ns   INTEGER,              -- NULL until the first chunk has come
  state             INTEGER NOT NULL,     -- synergy.v1.JobState, as last heard of
  error             TEXT NOT NULL DEFAULT '',
  simulated         INTEGER NOT NULL CHECK (simulated IN (0, 1)),
  has_truth         INTEGER NOT NULL DEFAULT 0 CHECK (has_truth IN (0, 1)),
  next_seq          INTEGER NOT NULL DEFAULT 0,  -- chunks below it are in this store
  acknowledged_seq  INTEGER NOT NULL DEFAULT 0,  -- chunks below it are acknowledged to the board
  bytes             INTEGER NOT NULL DEFAULT 0,  -- of its chunks' data
  complete          INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),   -- the RunEnd record is here
  abandoned         INTEGER NOT NULL DEFAULT 0 CHECK (abandoned IN (0, 1)),  -- the board has no more of it
  UNIQUE (board, run_id),
  UNIQUE (board, run)
) STRICT;

CREATE TABLE chunks (
  board    INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  sequence INTEGER NOT NULL,   -- number of the first record within its channel
  seq      INTEGER NOT NULL,   -- position in the run's stream
  count    INTEGER NOT NULL,   -- records
  encoding INTEGER NOT NULL,   -- synergy.v1.Encoding
  crc32c   INTEGER NOT NULL,
  data     BLOB NOT NULL,
  PRIMARY KEY (board, run, channel, sequence),
  UNIQUE (board, run, seq),
  FOREIGN KEY (board, run) REFERENCES runs (board, run) ON DELETE CASCADE
) STRICT;
)sql",
    // 2: what was sent to a board and is no run here yet.
    R"sql(
CREATE TABLE submissions (
  token           TEXT NOT NULL PRIMARY KEY,  -- synergy.v1.JobSpec.token
  board_id        TEXT NOT NULL,              -- the board may be in no other table yet
  created_unix_ns INTEGER NOT NULL
) STRICT;
)sql",
    // 3: what meters on this host measured of a run.
    R"sql(
CREATE TABLE meters (
  board  INTEGER NOT NULL,
  run    INTEGER NOT NULL,
  record BLOB NOT NULL,        -- synergy.v1.MeterRecord
  PRIMARY KEY (board, run),
  FOREIGN KEY (board, run) REFERENCES runs (board, run) ON DELETE CASCADE
) STRICT;

CREATE TABLE meter_chunks (
  board    INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  channel  INTEGER NOT NULL,   -- 2 and up: the meter's rails, in the order of MeterRecord.rails
  sequence INTEGER NOT NULL,   -- number of the first reading within its rail
  count    INTEGER NOT NULL,
  encoding INTEGER NOT NULL,   -- synergy.v1.Encoding
  crc32c   INTEGER NOT NULL,
  data     BLOB NOT NULL,      -- stamps on the meter's clock
  PRIMARY KEY (board, run, channel, sequence),
  FOREIGN KEY (board, run) REFERENCES runs (board, run) ON DELETE CASCADE
) STRICT;
)sql",
    // 4: names that people give to runs.
    R"sql(
CREATE TABLE tags (
  tag TEXT NOT NULL,
  run INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
  PRIMARY KEY (tag, run)
) STRICT;

CREATE INDEX tags_of_run ON tags (run);
)sql",
    // 5: sweeps of job files, and which attempts were made of their jobs.
    R"sql(
ALTER TABLE runs ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0 CHECK (interrupted IN (0, 1));

CREATE TABLE sweeps (
  sweep           INTEGER PRIMARY KEY AUTOINCREMENT,
  board_id        TEXT NOT NULL,     -- the board may be in no other table yet
  name            TEXT NOT NULL,
  digest          TEXT NOT NULL,     -- of the plan: which jobs, in which order
  jobs            INTEGER NOT NULL,
  created_unix_ns INTEGER NOT NULL,
  finished        INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1))
) STRICT;

CREATE TABLE attempts (
  sweep   INTEGER NOT NULL REFERENCES sweeps (sweep) ON DELETE CASCADE,
  job     INTEGER NOT NULL,             -- its place in the plan, from 0
  attempt INTEGER NOT NULL,             -- from 1
  token   TEXT NOT NULL UNIQUE,         -- synergy.v1.JobSpec.token: made before it is sent first
  run     INTEGER,                      -- its number, once the board has taken it; stays when the run is deleted
  outcome INTEGER NOT NULL DEFAULT 0,   -- AttemptOutcome of sweep_table.h
  PRIMARY KEY (sweep, job, attempt)
) STRICT;
)sql",
    // 6: what was in the files of a sweep's networks and inputs when it was planned.
    R"sql(
CREATE TABLE sweep_files (
  sweep  INTEGER NOT NULL REFERENCES sweeps (sweep) ON DELETE CASCADE,
  path   TEXT NOT NULL,
  sha256 TEXT NOT NULL,        -- hexadecimal
  PRIMARY KEY (sweep, path)
) STRICT;
)sql",
};

}  // namespace synergy
