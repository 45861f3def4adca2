import type { Traffic } from '../traffic.js';
import type { Actors, ActorsFeed } from './actors.js';

/**
 * Counts the POSTs to an account that Sage has changed and that nobody has checked since: until then no sender can
 * know that the account is gone or begins later.
 */
export class UnseenChanges {
  /** By Rutter's account id: how many POSTs had been made when it changed. */
  readonly #changedAt = new Map<string, number>();
  /** By connection: what had changed when the check under way began. */
  readonly #checkedAt = new Map<string, readonly string[]>();
  #posts = 0;

  constructor(
    private readonly actors: Actors,
    private readonly traffic: Traffic,
  ) {}

  changed({ rutterAccountId }: ActorsFeed): void {
    if (!this.#changedAt.has(rutterAccountId))
      this.#changedAt.set(rutterAccountId, this.traffic.batches.length);
    // A check that began before may have come too early.
    this.#checkedAt.clear();
  }

  checkBegins(connectionId: string): void {
    const own = this.actors.feeds.filter((feed) => feed.connection.connectionId === connectionId);
    const ids = own.map((feed) => feed.rutterAccountId);
    this.#checkedAt.set(
      connectionId,
      ids.filter((id) => this.#changedAt.has(id)),
    );
  }

  checkEnds(connectionId: string): void {
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
