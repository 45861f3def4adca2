import { isPostOfBatch } from '../traffic.js';

/**
 * Freezes a sender at its first POST of a batch, before the request is sent or after its answer has arrived. Everything
 * else continues meanwhile.
 */
export class RequestGate {
  readonly reached: Promise<void>;
  #reach: () => void = () => undefined;
  #opened: Promise<void>;
  #open: () => void = () => undefined;
  #used = false;

  constructor(private readonly when: 'before' | 'after') {
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }

  fetch(fetchIt: typeof fetch): typeof fetch {
    return async (input, init) => {
      if (this.#used || !isPostOfBatch(input, init)) return await fetchIt(input, init);
      this.#used = true;
      if (this.when === 'before') {
        await this.#wait();
        return await fetchIt(input, init);
      }
      const response = await fetchIt(input, init);
      await this.#wait();
      return response;
    };
  }

  async #wait(): Promise<void> {
    this.#reach();
    await this.#opened;
  }
}
