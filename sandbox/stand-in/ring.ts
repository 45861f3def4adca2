/** The last entries of something that never ends. */
export class Ring<Entry> {
  #entries: Entry[] = [];
  #next = 0;

  /** Oldest entries are dropped beyond `entriesMax`. */
  constructor(private readonly entriesMax: number) {}

  add(entry: Entry): void {
    this.#entries[this.#next % this.entriesMax] = entry;
    this.#next += 1;
  }

  /** Oldest first. */
  list(): Entry[] {
    const split = this.#next % this.entriesMax;
    return this.#next <= this.entriesMax
      ? [...this.#entries]
      : [...this.#entries.slice(split), ...this.#entries.slice(0, split)];
  }
}
