import type { Pool, PoolClient } from '../../../../src/db/pool.js';

/** Where a process crashes: at its n-th outward call, before the call is made or after it took effect. */
export interface Crash {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** Thrown at every call after the crash, so that the code of the process unwinds without any effect. */
export class ProcessCrashed extends Error {
  override readonly name = 'ProcessDied';
}

/**
 * A process that can crash as by kill -9. All its outward calls pass through this class. After the crash no call has any
 * effect, and its PostgreSQL connections are dropped in the middle of their transactions.
 */
export class KillableProcess {
  readonly #clients = new Set<PoolClient>();
  #calls = 0;
  crashed = false;

  constructor(private readonly crash: Crash | null) {}

  /** One outward call: a request or a statement. */
  async outwardCall<T>(call: () => Promise<T>): Promise<T> {
    if (this.crashed) throw new ProcessCrashed();
    this.#calls += 1;
    const last = this.crash !== null && this.#calls >= this.crash.call;
    if (last && this.crash.when === 'before') this.#crashNow();
    const result = await call();
    if (last) this.#crashNow();
    return result;
  }

  fetch(fetchIt: typeof fetch): typeof fetch {
    return (input, init) => this.outwardCall(() => fetchIt(input, init));
  }

  pool(pool: Pool): Pool {
    const own = {
      query: (...args: Parameters<Pool['query']>) =>
        this.outwardCall(() => pool.query(...args) as unknown as Promise<unknown>),
      connect: async () => {
        if (this.crashed) throw new ProcessCrashed();
        return this.#client(await pool.connect());
      },
    };
    return own as unknown as Pool;
  }

  #client(client: PoolClient): PoolClient {
    this.#clients.add(client);
    const own = {
      query: (...args: Parameters<PoolClient['query']>) =>
        this.outwardCall(() => client.query(...args) as unknown as Promise<unknown>),
      release: (broken?: Error | boolean) => {
        if (this.#clients.delete(client)) client.release(broken);
      },
    };
    return own as unknown as PoolClient;
  }

  #crashNow(): never {
    this.crashed = true;
    for (const client of this.#clients) client.release(true);
    this.#clients.clear();
    throw new ProcessCrashed();
  }
}
