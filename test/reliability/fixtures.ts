import { ServerFlaw } from './temporal-server.js';

/** How often a run is repeated that has met a flaw of the time-skipping server: one in a hundred does. */
const repeatsMax = 3;

export interface RunOnFixture {
  readonly breaches: readonly string[];
  readonly seen: Readonly<Record<string, number>>;
}

/** What runs stand on, one after the other; made again after so many runs, so that nothing grows without bound. */
export class Fixtures<Fixture extends { close: () => Promise<void> }> {
  /** Runs that were repeated since the server, not the service, was at fault. */
  flaws = 0;
  #fixture: Fixture | undefined;
  #runs = 0;

  constructor(
    private readonly input: {
      create: () => Promise<Fixture>;
      runsPerFixture: number;
      /** What else than a {@link ServerFlaw} is the test server's. */
      isFlaw?: (error: unknown) => boolean;
    },
  ) {}

  /** A run that meets a flaw of the test server has shown nothing: it begins again elsewhere. Adds how long it took. */
  async run(play: (fixture: Fixture) => Promise<RunOnFixture>): Promise<RunOnFixture> {
    const { create, runsPerFixture, isFlaw } = this.input;
    for (let repeats = 0; ; repeats += 1) {
      if (this.#runs >= runsPerFixture) await this.leave();
      try {
        this.#fixture ??= await create();
        this.#runs += 1;
        return await this.#timed(this.#fixture, play);
      } catch (error) {
        await this.leave();
        const isItsOwn = error instanceof ServerFlaw || isFlaw?.(error) === true;
        if (!isItsOwn || repeats >= repeatsMax) throw error;
        this.flaws += 1;
      }
    }
  }

  async leave(): Promise<void> {
    const left = this.#fixture;
    this.#fixture = undefined;
    this.#runs = 0;
    await left?.close();
  }

  async #timed(fixture: Fixture, play: (fixture: Fixture) => Promise<RunOnFixture>): Promise<RunOnFixture> {
    const beganMs = performance.now();
    const run = await play(fixture);
    const tookMs = Math.round(performance.now() - beganMs);
    // What a run with breaches leaves behind is nothing to stand on.
    if (run.breaches.length > 0) await this.leave();
    return { ...run, seen: { ...run.seen, tookMs } };
  }
}
