import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * What a proxy does to what passes through it. `pass` forwards; `refuse` resets new connections at once; `swallow` takes
 * connections and bytes and forwards none, like a network that loses everything; `delay` lets each piece of an answer
 * wait; `trickle` forwards an answer one byte after the other.
 */
export type ProxyMode =
  | { readonly kind: 'pass' | 'refuse' | 'swallow' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number };

/** Called for each piece of a request; true holds it and all that follows on its connection. */
export type HoldRule = (piece: string) => boolean;

/** A proxy between two parts, whose connections can be closed, held and slowed down. */
export interface TcpProxy {
  readonly port: number;
  /** Applies to later data and connections; open connections stay open. */
  setMode(mode: ProxyMode): void;
  /**
   * Keeps the pieces for which `rule` says so from reaching the other side, until the connection ends (what was kept is
   * dropped then, as on a wire) or `release` is called. Only `timesMax` connections are held.
   */
  hold(rule: HoldRule, timesMax?: number): void;
  /** Connections held now. */
  held(): number;
  /** Forwards what was held, and holds nothing more. */
  release(): void;
  /** Answers of the other side are dropped from the first request piece on for which `rule` says so, and both sides closed. */
  loseAnswerAfter(rule: HoldRule): void;
  /** From now on a piece of an answer is lost with this probability (0 to 1), and its connection with it. */
  loseSomeAnswers(input: { probability: number; random: () => number }): void;
  /** Ends every connection now, without a closing handshake. */
  disconnectAll(): void;
  /** Connections open now. */
  connections(): number;
  close(): Promise<void>;
}

const trickleEveryMs = 50;

/** Starts a proxy on a free port of the loopback address, in front of `targetPort` there. */
export async function startTcpProxy(input: { targetPort: number; port?: number }): Promise<TcpProxy> {
  const proxy = new Proxy(input.targetPort);
  await proxy.listen(input.port ?? 0);
  return proxy;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  /** Of the client's bytes, in order; undefined while nothing is held. */
  kept: Buffer[] | undefined;
  answersLost: boolean;
  /** Answers on their way, so that they keep their order whatever the mode does. */
  answering: Promise<void>;
}

class Proxy implements TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<Pair>();
  private mode: ProxyMode = { kind: 'pass' };
  private holdRule: { rule: HoldRule; left: number } | undefined;
  private loseRule: HoldRule | undefined;
  private loseSome: { probability: number; random: () => number } | undefined;

  constructor(private readonly targetPort: number) {
    this.server = createServer((client) => this.accept(client));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => resolve());
    });
  }

  setMode(mode: ProxyMode): void {
    this.mode = mode;
  }

  hold(rule: HoldRule, timesMax = Number.MAX_SAFE_INTEGER): void {
    this.holdRule = { rule, left: timesMax };
  }

  held(): number {
    return [...this.pairs].filter((pair) => pair.kept !== undefined).length;
  }

  release(): void {
    this.holdRule = undefined;
    for (const pair of this.pairs) {
      const kept = pair.kept ?? [];
      pair.kept = undefined;
      for (const piece of kept) pair.target.write(piece);
    }
  }

  loseAnswerAfter(rule: HoldRule): void {
    this.loseRule = rule;
  }

  loseSomeAnswers(input: { probability: number; random: () => number }): void {
    this.loseSome = input;
  }

  disconnectAll(): void {
    for (const pair of this.pairs) closeBoth(pair);
  }

  connections(): number {
    return this.pairs.size;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.disconnectAll();
    await closed;
  }

  private accept(client: Socket): void {
    if (this.mode.kind === 'refuse') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: this.targetPort, host: '127.0.0.1' });
    const pair: Pair = {
      client,
      target,
      kept: undefined,
      answersLost: false,
      answering: Promise.resolve(),
    };
    this.pairs.add(pair);
    client.setNoDelay(true);
    target.setNoDelay(true);
    client.on('data', (piece) => this.forwardRequest(pair, piece));
    target.on('data', (piece) => this.forwardAnswer(pair, piece));
    for (const side of [client, target]) {
      side.on('error', () => undefined);
      side.on('close', () => {
        this.pairs.delete(pair);
        // An answer that was complete still arrives.
        void pair.answering.then(() => closeBoth(pair));
      });
    }
  }

  private forwardRequest(pair: Pair, piece: Buffer): void {
    if (this.mode.kind === 'swallow') return;
    const text = piece.toString('latin1');
    if (pair.kept === undefined && this.holdRule !== undefined && this.holdRule.left > 0) {
      if (this.holdRule.rule(text)) {
        this.holdRule.left -= 1;
        pair.kept = [];
      }
    }
    if (pair.kept !== undefined) {
      pair.kept.push(piece);
      return;
    }
    if (this.loseRule?.(text) === true) {
      this.loseRule = undefined;
      pair.answersLost = true;
    }
    pair.target.write(piece);
  }

  private forwardAnswer(pair: Pair, piece: Buffer): void {
    const isLost = this.loseSome !== undefined && this.loseSome.random() < this.loseSome.probability;
    if (pair.answersLost || isLost) {
      // The other side has done what it was asked for, as its answer proves, and the client never learns of it.
      closeBoth(pair);
      return;
    }
    const { mode } = this;
    if (mode.kind === 'swallow') return;
    pair.answering = pair.answering.then(() => answer(pair.client, piece, mode));
  }
}

async function answer(client: Socket, piece: Buffer, mode: ProxyMode): Promise<void> {
  switch (mode.kind) {
    case 'delay':
      await pause(mode.delayMs);
      break;
    case 'trickle':
      await trickle(client, piece, mode.bytesPerSecond);
      return;
    case 'pass':
    case 'refuse':
    case 'swallow':
      break;
  }
  if (isOpen(client)) client.write(piece);
}

function isOpen(client: Socket): boolean {
  return !client.destroyed;
}

async function trickle(client: Socket, piece: Buffer, bytesPerSecond: number): Promise<void> {
  const startedMs = performance.now();
  for (let sent = 0; sent < piece.length && !client.destroyed;) {
    await pause(trickleEveryMs);
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * bytesPerSecond);
    if (due > sent && isOpen(client)) client.write(piece.subarray(sent, Math.min(due, piece.length)));
    sent = Math.max(sent, due);
  }
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}

function closeBoth(pair: Pair): void {
  pair.client.destroy();
  pair.target.destroy();
}
