import { setTimeout as sleep } from 'node:timers/promises';
import type { PrintLine } from '../local/local-failure.js';
import { runCommand } from '../local/run-command.js';
import { sendSignal, type RunningPart } from '../local/running-part.js';
import { waitUntil } from './wait-until.js';

/** Wait before a failed start (its port is not free yet, for example) is repeated. */
const retryMs = 200;
const listMs = 5_000;
/** A start that takes longer has failed: see the part's log. */
const readyMs = 120_000;

/** One process (with its children) that is restarted immediately whenever it ends, as by a supervisor. */
export class SupervisedPart<Part extends RunningPart = RunningPart> {
  /** Undefined while it is stopped or starting. */
  private running: Part | undefined;
  private stopping = false;
  private heldDown = false;
  private expected = false;
  private keeping: Promise<void> = Promise.resolve();
  /** How often the process ended without a kill. */
  unplannedEnds = 0;

  constructor(
    readonly name: string,
    private readonly launch: () => Promise<Part>,
    private readonly printLine: PrintLine,
  ) {}

  async start(): Promise<Part> {
    const first = await this.launch();
    this.running = first;
    this.keeping = this.keep(first);
    return first;
  }

  /** Whether it is running and ready. */
  get ready(): boolean {
    return this.running !== undefined;
  }

  get pid(): number {
    if (this.running === undefined) throw new Error(`${this.name} is not running`);
    return this.running.identity.pid;
  }

  /** Waits until it is running and ready. */
  async untilReady(): Promise<void> {
    const what = `${this.name} is ready`;
    await waitUntil(() => this.ready || undefined, { what, everyMs: 20, timeoutMs: readyMs });
  }

  /**
   * kill -9 of the process and of all its children. It is restarted.
   *
   * @returns when it was killed, epoch ms
   */
  async kill(): Promise<number> {
    const { pid } = this;
    const children = await childrenOf(pid);
    this.expected = true;
    const atMs = Date.now();
    for (const each of [pid, ...children]) sendSignal(each, 'SIGKILL');
    return atMs;
  }

  /** kill -9 without a restart until `bringBack`: an outage. Does nothing if it is not running. */
  async takeDown(): Promise<void> {
    this.heldDown = true;
    if (this.running === undefined) return;
    const { exited } = this.running;
    await this.kill();
    await exited;
  }

  /** Lets it finish what it does and end, without a restart until `bringBack`: a deployment. */
  async drain(): Promise<void> {
    this.heldDown = true;
    if (this.running === undefined) return;
    this.expected = true;
    await this.running.stop();
  }

  /** Allows the restart; does not wait until it is ready. */
  bringBack(): void {
    this.heldDown = false;
  }

  /** Sends a signal that does not end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    sendSignal(this.pid, signal);
  }

  /** Stops it without a restart. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (this.running !== undefined) await this.running.stop();
    await this.keeping;
  }

  private isStopping(): boolean {
    return this.stopping;
  }

  private async keep(first: Part): Promise<void> {
    let current = first;
    for (;;) {
      const how = await current.exited;
      this.running = undefined;
      if (this.stopping) return;
      if (!this.expected) {
        this.unplannedEnds += 1;
        this.printLine(`  ${this.name} ${how} unexpectedly`);
      }
      this.expected = false;
      const next = await this.startAgain();
      if (next === undefined) return;
      current = next;
      this.running = next;
    }
  }

  private async startAgain(): Promise<Part | undefined> {
    while (!this.stopping) {
      if (this.heldDown) {
        await sleep(retryMs);
        continue;
      }
      try {
        const next = await this.launch();
        // `stop` was called during the start and did not see this process.
        if (this.isStopping()) await next.stop();
        return next;
      } catch (error) {
        this.printLine(
          `  ${this.name} did not start: ${error instanceof Error ? error.message : String(error)}`,
        );
        await sleep(retryMs);
      }
    }
    return undefined;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const listed = await runCommand({ command: 'ps', args: ['-axo', 'pid=,ppid='], timeoutMs: listMs });
  const parents = listed.stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return parents.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}
