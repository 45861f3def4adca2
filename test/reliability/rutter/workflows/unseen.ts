import type { Traffic } from '../traffic.js';
import type { Cast, CastFeed } from './actors.js';

/**
 * Counts the POSTs to an account that Sage has changed and that nobody has looked at since: until then no sender can
 * know that the account is gone or begins later.
 */
export class UnseenChanges {
  /** By Rutter's account id: how many POSTs had been made when it changed. */
  readonly #changedAt = new Map<string, number>();
  /** By connection: what had changed when the look under way began. */
  readonly #lookedAt = new Map<string, readonly string[]>();
  #posts = 0;

  constructor(
    private readonly cast: Cast,
    private readonly traffic: Traffic,
  ) {}

  changed({ rutterAccountId }: CastFeed): void {
    if (!this.#changedAt.has(rutterAccountId))
      this.#changedAt.set(rutterAccountId, this.traffic.batches.length);
    // A look that began before may have come too early.
    this.#lookedAt.clear();
  }

  lookBegins(connectionId: string): void {
    const own = this.cast.feeds.filter((feed) => feed.connection.connectionId === connectionId);
    const ids = own.map((feed) => feed.rutterAccountId);
    this.#lookedAt.set(
      connectionId,
      ids.filter((id) => this.#changedAt.has(id)),
    );
  }

  lookEnds(connectionId: string): void {
    for (const id of this.#lookedAt.get(connectionId) ?? []) {
      this.#posts += this.#postsSince(id);
      this.#changedAt.delete(id);
    }
    this.#lookedAt.delete(connectionId);
  }

  posts(): number {
    return [...this.#changedAt.keys()].reduce((sum, id) => sum + this.#postsSince(id), this.#posts);
  }

  #postsSince(rutterAccountId: string): number {
    const since = this.traffic.batches.slice(this.#changedAt.get(rutterAccountId));
    return since.filter((sent) => sent.rutterAccountId === rutterAccountId).length;
  }
}
