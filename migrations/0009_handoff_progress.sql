-- A handoff with many accounts: what became of each account, so that the page can count the shared ones and name the
-- others, and so that the rest is published after the customer has gone on to Sage.
ALTER TABLE publications
  -- The handoff that chose the account last.
  ADD COLUMN handoff_id     text,
  -- Why the account could not be published, with Rutter's code; null as long as that is not known, and once it is.
  ADD COLUMN refused_reason text,
  ADD COLUMN refused_code   text,
  ADD COLUMN refused_at     timestamptz,
  -- The time of the handoff ran out before the account was published: it is published since then without the customer.
  ADD COLUMN later_since    timestamptz;
CREATE INDEX publications_later ON publications (connection_id, later_since) WHERE later_since IS NOT NULL;

-- Some accounts could not be published: `asked` whether to go on with the others, and what the customer answered.
ALTER TABLE handoffs
  ADD COLUMN partial_sharing text CHECK (partial_sharing IN ('asked', 'accepted', 'declined'));

-- Whether the customer has finished Rutter Link for the connection: `not_needed` for one that was created without it,
-- `awaited` until then, `done` afterwards, and for one that was adopted or came with a token of Link.
ALTER TABLE connections
  ADD COLUMN link_state text NOT NULL DEFAULT 'not_needed' CHECK (link_state IN ('not_needed', 'awaited', 'done'));
UPDATE connections c SET link_state = 'done'
 WHERE EXISTS (SELECT 1 FROM timeline t
                WHERE t.connection_id = c.connection_id AND t.kind = 'connection_created'
                  AND t.detail ->> 'how' IN ('exchanged', 'adopted'));
CREATE INDEX connections_link_awaited ON connections (connection_id) WHERE link_state = 'awaited';
