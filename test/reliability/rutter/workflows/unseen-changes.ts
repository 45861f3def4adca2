import type { Traffic } from '../traffic.js';
import type { Actors, SimulatedFeed } from './actors.js';

/**
 * Counts the POSTs to an account between a change by Sage and the next check: until that check no sender can know that
 * the account is inactive or has a later start date.
 */
export class UnseenChanges {
  /** By Rutter's account id: the number of POSTs when it changed. */
  readonly #changedAt = new Map<string, number>();
  /** By connection: the accounts that had changed when the running check began. */
  readonly #checkedAt = new Map<string, readonly string[]>();
  #posts = 0;

  constructor(
    private readonly actors: Actors,
    private readonly traffic: Traffic,
  ) {}

  changed({ rutterAccountId }: SimulatedFeed): void {
    if (!this.#changedAt.has(rutterAccountId))
      this.#changedAt.set(rutterAccountId, this.traffic.batches.length);
    // A check that began before may have come too early.
    this.#checkedAt.clear();
  }

  checkStarted(connectionId: string): void {
    const own = this.actors.feeds.filter((feed) => feed.connection.connectionId === connectionId);
    const ids = own.map((feed) => feed.rutterAccountId);
    this.#checkedAt.set(
      connectionId,
      ids.filter((id) => this.#changedAt.has(id)),
    );
  }

  checkEnded(connectionId: string): void {
    for (const id of this.#checkedAt.get(connectionId) ?? []) {
      this.#posts += this.#postsSince(id);
      this.#changedAt.delete(id);
    }
    this.#checkedAt.delete(connectionId);
  }

  posts(): number {
    return [...this.#changedAt.keys()].reduce((sum, id) => sum + this.#postsSince(id), this.#posts);
  }

  #postsSince(rutterAccountId: string): number {
    const since = this.traffic.batches.slice(this.#changedAt.get(rutterAccountId));
    return since.filter((sent) => sent.rutterAccountId === rutterAccountId).length;
  }
}
