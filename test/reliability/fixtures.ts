import { ServerFlaw } from './temporal-server.js';

/** How often a run is repeated that has met a flaw of the time-skipping server: one in a hundred does. */
const repeatsMax = 3;

export interface RunOnGround {
  readonly breaches: readonly string[];
  readonly seen: Readonly<Record<string, number>>;
}

/** What runs stand on, one after the other; made anew after so many runs, so that nothing grows without bound. */
export class Grounds<Ground extends { close: () => Promise<void> }> {
  /** Runs that were repeated since the server, not the service, was at fault. */
  flaws = 0;
  #ground: Ground | undefined;
  #runs = 0;

  constructor(
    private readonly input: {
      create: () => Promise<Ground>;
      runsPerGround: number;
      /** What else than a {@link ServerFlaw} is the test server's. */
      isFlaw?: (error: unknown) => boolean;
    },
  ) {}

  /** A run that meets a flaw of the test server has shown nothing: it begins anew elsewhere. Adds how long it took. */
  async run(play: (ground: Ground) => Promise<RunOnGround>): Promise<RunOnGround> {
    const { create, runsPerGround, isFlaw } = this.input;
    for (let repeats = 0; ; repeats += 1) {
      if (this.#runs >= runsPerGround) await this.leave();
      try {
        this.#ground ??= await create();
        this.#runs += 1;
        return await this.#timed(this.#ground, play);
      } catch (error) {
        await this.leave();
        const isItsOwn = error instanceof ServerFlaw || isFlaw?.(error) === true;
        if (!isItsOwn || repeats >= repeatsMax) throw error;
        this.flaws += 1;
      }
    }
  }

  async leave(): Promise<void> {
    const left = this.#ground;
    this.#ground = undefined;
    this.#runs = 0;
    await left?.close();
  }

  async #timed(ground: Ground, play: (ground: Ground) => Promise<RunOnGround>): Promise<RunOnGround> {
    const beganMs = performance.now();
    const run = await play(ground);
    const tookMs = Math.round(performance.now() - beganMs);
    // What a run with breaches leaves behind is nothing to stand on.
    if (run.breaches.length > 0) await this.leave();
    return { ...run, seen: { ...run.seen, tookMs } };
  }
}
