/** Sliding window over the requests of one organisation. Refused requests do not count (our assumption). */
export class RateWindow {
  #times: number[] = [];

  constructor(
    private readonly requestsMax: number,
    private readonly windowMs: number,
  ) {}

  /** False when the window is full. */
  take(nowMs: number): boolean {
    // A clock moved back leaves times in the future: they are not in the window either.
    this.#times = this.#times.filter((time) => time > nowMs - this.windowMs && time <= nowMs);
    if (this.#times.length >= this.requestsMax) return false;
    this.#times.push(nowMs);
    return true;
  }
}
