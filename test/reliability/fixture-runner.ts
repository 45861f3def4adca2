import type { RunReport } from './seeded-run.js';
import { ServerFlaw } from './temporal-server.js';

/** How often a run is repeated that hit a defect of the time-skipping server. One run in a hundred does. */
const repeatsMax = 3;

/** Runs simulations on a fixture, one after the other, and replaces the fixture after some runs so that nothing grows without bound. */
export class FixtureRunner<Fixture extends { close: () => Promise<void> }> {
  /** How many runs were repeated because the test server was at fault, not the service. */
  flaws = 0;
  #fixture: Fixture | undefined;
  #runs = 0;

  constructor(
    private readonly input: {
      create: () => Promise<Fixture>;
      runsPerFixture: number;
      /** Other errors than {@link ServerFlaw} for which the test server is responsible. */
      isFlaw?: (error: unknown) => boolean;
    },
  ) {}

  /** Makes one run and adds its duration to the report. A run that hits a defect of the test server is repeated on a new fixture. */
  async run(simulate: (fixture: Fixture) => Promise<RunReport>): Promise<RunReport> {
    const { create, runsPerFixture, isFlaw } = this.input;
    for (let repeats = 0; ; repeats += 1) {
      if (this.#runs >= runsPerFixture) await this.close();
      try {
        this.#fixture ??= await create();
        this.#runs += 1;
        return await this.#timed(this.#fixture, simulate);
      } catch (error) {
        await this.close();
        const isServerFlaw = error instanceof ServerFlaw || isFlaw?.(error) === true;
        if (!isServerFlaw || repeats >= repeatsMax) throw error;
        this.flaws += 1;
      }
    }
  }

  async close(): Promise<void> {
    const fixture = this.#fixture;
    this.#fixture = undefined;
    this.#runs = 0;
    await fixture?.close();
  }

  async #timed(fixture: Fixture, simulate: (fixture: Fixture) => Promise<RunReport>): Promise<RunReport> {
    const beganMs = performance.now();
    const run = await simulate(fixture);
    const tookMs = Math.round(performance.now() - beganMs);
    // The state that a failing run leaves behind must not affect the next one.
    if (run.violations.length > 0) await this.close();
    return { ...run, exercised: { ...run.exercised, tookMs } };
  }
}
