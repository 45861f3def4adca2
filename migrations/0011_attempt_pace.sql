-- A renewed attempt waits its turn in the row, so that every sender of the connection keeps the same pace.
ALTER TABLE attempts
  ADD COLUMN not_before timestamptz;
