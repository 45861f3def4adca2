import { Store, type SessionData } from 'express-session';
import type { Pool } from '../db/pool.js';
import { deleteSession, extendSession, readSession, writeSession } from '../db/sessions.js';

type Done = (error?: unknown) => void;

/**
 * Sessions in PostgreSQL, for express-session. Not a library: those at hand compare a stored time with the clock of
 * each process, so that one whose clock is wrong ends, and deletes, the sessions of all others.
 */
export class SessionStore extends Store {
  constructor(
    private readonly pool: Pool,
    /** Without a request for so long, a session ends. */
    private readonly lifetimeSeconds: number,
  ) {
    super();
  }

  override get(sessionId: string, done: (error: unknown, session?: SessionData | null) => void): void {
    readSession(this.pool, { sessionId }).then((content) => {
      done(null, content as SessionData | null);
    }, done);
  }

  override set(sessionId: string, session: SessionData, done: Done = ignore): void {
    const { pool, lifetimeSeconds } = this;
    writeSession(pool, { sessionId, lifetimeSeconds, content: session }).then(() => done(), done);
  }

  override touch(sessionId: string, _session: SessionData, done: Done = ignore): void {
    const { pool, lifetimeSeconds } = this;
    extendSession(pool, { sessionId, lifetimeSeconds }).then(() => done(), done);
  }

  override destroy(sessionId: string, done: Done = ignore): void {
    deleteSession(this.pool, { sessionId }).then(() => done(), done);
  }
}

/** Nobody waits for the end. */
const ignore: Done = () => undefined;
