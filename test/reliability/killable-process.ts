import type { Pool, PoolClient } from '../../src/db/pool.js';

/** Where a process ends: at its n-th call to the outside, which was not made, or was made and never answered. */
export interface Death {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** What a dead process's code is thrown at every further call, so that it unwinds without any effect. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

/**
 * A process that may die, as by kill -9: all that it does to the outside goes through here. From its death on nothing
 * gets out any more, and PostgreSQL loses its connections in the middle of whatever they were at.
 */
export class MortalProcess {
  readonly #clients = new Set<PoolClient>();
  #calls = 0;
  dead = false;

  constructor(private readonly death: Death | null) {}

  /** One call to the outside. */
  async through<T>(call: () => Promise<T>): Promise<T> {
    if (this.dead) throw new ProcessDied();
    this.#calls += 1;
    const last = this.death !== null && this.#calls >= this.death.call;
    if (last && this.death.when === 'before') this.#die();
    const result = await call();
    if (last) this.#die();
    return result;
  }

  fetch(fetchIt: typeof fetch): typeof fetch {
    return (input, init) => this.through(() => fetchIt(input, init));
  }

  pool(pool: Pool): Pool {
    const own = {
      query: (...args: Parameters<Pool['query']>) =>
        this.through(() => pool.query(...args) as unknown as Promise<unknown>),
      connect: async () => {
        if (this.dead) throw new ProcessDied();
        return this.#client(await pool.connect());
      },
    };
    return own as unknown as Pool;
  }

  #client(client: PoolClient): PoolClient {
    this.#clients.add(client);
    const own = {
      query: (...args: Parameters<PoolClient['query']>) =>
        this.through(() => client.query(...args) as unknown as Promise<unknown>),
      release: (broken?: Error | boolean) => {
        if (this.#clients.delete(client)) client.release(broken);
      },
    };
    return own as unknown as PoolClient;
  }

  #die(): never {
    this.dead = true;
    for (const client of this.#clients) client.release(true);
    this.#clients.clear();
    throw new ProcessDied();
  }
}
