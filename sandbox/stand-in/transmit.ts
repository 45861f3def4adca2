import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { VirtualClock } from './clock.js';
import type { FaultOrder } from './faults.js';

export const JSON_TYPE = 'application/json; charset=utf-8';
/** Size of a `huge` body and of an unpacked `gzip_bomb` when the fault names none. */
const HUGE_BYTES_DEFAULT = 20 * 1024 * 1024;
const NO_ANSWER = 0;

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Written as JSON; a Buffer as it is. */
  body?: unknown;
}

/** An answer on its way out, as faults may bend it. */
export interface Bent {
  status: number;
  headers: Record<string, string>;
  bytes: Buffer;
}

export interface Transmission<Order extends FaultOrder> {
  clock: VirtualClock;
  response: ServerResponse;
  /** Undefined when a fault has decided that there is none. */
  answer: Answer | undefined;
  faults: readonly Order[];
  /** What the stand-in's own kinds do to an answer. */
  bendMore: (bent: Bent, fault: Order) => void;
}

/** Sends the answer as the faults bend it. Returns the status that went out, 0 when none did. */
export async function transmit<Order extends FaultOrder>({
  clock,
  response,
  answer,
  faults,
  bendMore,
}: Transmission<Order>): Promise<number> {
  const slow = faults.find((fault) => fault.kind === 'slow');
  if (slow !== undefined) await clock.sleep(slow.delay_ms ?? 1_000);
  if (faults.some((fault) => fault.kind === 'hang_before_effect' || fault.kind === 'hang_after_effect')) {
    return NO_ANSWER;
  }
  const reset = faults.find(
    (fault) => fault.kind === 'reset_after_effect' || fault.kind === 'reset_before_effect',
  );
  if (
    answer === undefined ||
    (reset !== undefined && (reset.point ?? 'before_any_byte') === 'before_any_byte')
  ) {
    response.socket?.resetAndDestroy();
    return NO_ANSWER;
  }
  const bent = bend(answer, faults, bendMore);
  if (reset === undefined) {
    response.writeHead(bent.status, { ...bent.headers, 'Content-Length': bent.bytes.length });
    response.end(bent.bytes);
    return bent.status;
  }
  response.writeHead(bent.status, { ...bent.headers, 'Content-Length': bent.bytes.length });
  response.flushHeaders();
  const builtAt = reset.point === 'half_body' ? Math.floor(bent.bytes.length / 2) : 0;
  // The part is handed to the kernel before the reset, or the client would never see it.
  if (builtAt > 0) await new Promise((resolve) => response.write(bent.bytes.subarray(0, builtAt), resolve));
  else await new Promise((resolve) => setImmediate(resolve));
  response.socket?.destroy();
  return NO_ANSWER;
}

function bend<Order extends FaultOrder>(
  answer: Answer,
  faults: readonly Order[],
  bendMore: (bent: Bent, fault: Order) => void,
): Bent {
  const bent: Bent = {
    status: answer.status,
    headers: { 'Content-Type': JSON_TYPE, ...answer.headers },
    bytes: bytesOf(answer.body),
  };
  for (const fault of faults) {
    bendMore(bent, fault);
    if (fault.kind === 'malformed_body') malform(bent, fault);
    if (fault.kind === 'rewrite_body') {
      bent.bytes = Buffer.from(bent.bytes.toString('utf8').replaceAll(fault.find ?? '', fault.replace ?? ''));
    }
  }
  return bent;
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}

function malform(bent: Bent, fault: FaultOrder): void {
  const bytes = fault.bytes ?? HUGE_BYTES_DEFAULT;
  if (fault.http_status !== undefined) bent.status = fault.http_status;
  switch (fault.shape) {
    case 'truncated_json':
      bent.bytes = bent.bytes.subarray(0, Math.floor(bent.bytes.length / 2));
      return;
    case 'html':
      bent.headers['Content-Type'] = 'text/html; charset=utf-8';
      bent.bytes = Buffer.from('<!doctype html><title>Gateway</title><p>Please try again later.</p>');
      return;
    case 'empty':
      bent.bytes = Buffer.alloc(0);
      return;
    case 'wrong_content_type':
      bent.headers['Content-Type'] = 'text/plain; charset=utf-8';
      return;
    case 'huge':
      bent.bytes = Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) }));
      return;
    case 'gzip_bomb':
      bent.headers['Content-Encoding'] = 'gzip';
      bent.bytes = gzipSync(Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) })));
      return;
    case undefined:
      return;
    default:
      fault.shape satisfies never;
  }
}
