import { isPostOfBatch } from './rutter/traffic.js';

/**
 * Holds a sender at its first POST of a batch, before it leaves or when its answer is there, as if the process were
 * frozen at that place; everything else goes on meanwhile.
 */
export class Gate {
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
