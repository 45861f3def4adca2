import { setTimeout as sleep } from 'node:timers/promises';
import type { Say } from '../local/local-failure.js';
import { runCommand } from '../local/run-command.js';
import { sendSignal, type RunningPart } from '../local/running-part.js';
import { waitUntil } from './wait-until.js';

/** A start that failed (its port is not free yet, say) is tried again after this long. */
const retryMs = 200;
const listMs = 5_000;
/** Slower starts than this are no starts: see the part's log. */
const readyMs = 120_000;

/** One process (with its children) that is started again at once whenever it ends, as a supervisor would. */
export class SupervisedPart<Part extends RunningPart = RunningPart> {
  /** Undefined while it is down or starting. */
  private running: Part | undefined;
  private stopping = false;
  private heldDown = false;
  private expected = false;
  private keeping: Promise<void> = Promise.resolve();
  /** Ends that nobody here asked for: a process that gives up by itself. */
  unplannedEnds = 0;

  constructor(
    readonly name: string,
    private readonly launch: () => Promise<Part>,
    private readonly say: Say,
  ) {}

  async start(): Promise<Part> {
    const first = await this.launch();
    this.running = first;
    this.keeping = this.keep(first);
    return first;
  }

  /** Whether it is up and ready. */
  get ready(): boolean {
    return this.running !== undefined;
  }

  get pid(): number {
    if (this.running === undefined) throw new Error(`${this.name} is not running`);
    return this.running.identity.pid;
  }

  /** Waits until it is up and ready. */
  async untilReady(): Promise<void> {
    const what = `${this.name} is ready`;
    await waitUntil(() => this.ready || undefined, { what, everyMs: 20, timeoutMs: readyMs });
  }

  /**
   * kill -9 of the process and of all its children, at once. It is started again.
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

  /** kill -9, and no start until `bringBack`: an outage. Harmless when it is down. */
  async takeDown(): Promise<void> {
    this.heldDown = true;
    if (this.running === undefined) return;
    const { exited } = this.running;
    await this.kill();
    await exited;
  }

  /** Lets it be started again; does not wait until it is ready. */
  bringBack(): void {
    this.heldDown = false;
  }

  /** Sends a signal that does not end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    sendSignal(this.pid, signal);
  }

  /** Asks it to end, and does not start it again. */
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
        this.say(`  ${this.name} ${how} by itself`);
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
        // Asked to stop while it started: `stop` could not see it.
        if (this.isStopping()) await next.stop();
        return next;
      } catch (error) {
        this.say(`  ${this.name} did not start: ${error instanceof Error ? error.message : String(error)}`);
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
