-- Counts of failed sign-ins, as rate-limiter-flexible keeps them: `key` is a hash of the username, or the network
-- the attempts come from; `expire` is epoch milliseconds.
CREATE TABLE login_throttle (
  key    varchar(255) PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);
CREATE INDEX login_throttle_by_expiry ON login_throttle (expire);
