import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { VirtualClock } from './clock.js';
import type { FaultOrder } from './faults.js';
import { jsonText } from './json-text.js';

export const jsonType = 'application/json; charset=utf-8';
/** Size of a `huge` body and of an unpacked `gzip_bomb` when the fault names none. */
const hugeBytesDefault = 48 * 1024 * 1024;
const noAnswer = 0;

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Written as JSON; a Buffer as it is. */
  body?: unknown;
}

/** An answer before it is sent: faults change it. */
export interface OutgoingAnswer {
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
  /** Applies the stand-in's own kinds of faults to an answer. */
  applyOwnFault: (outgoing: OutgoingAnswer, fault: Order) => void;
}

/** Applies the faults to the answer and sends it. Returns the status that was sent, 0 for none. */
export async function transmit<Order extends FaultOrder>({
  clock,
  response,
  answer,
  faults,
  applyOwnFault,
}: Transmission<Order>): Promise<number> {
  const slow = faults.find((fault) => fault.kind === 'slow');
  if (slow !== undefined) await clock.sleep(slow.delay_ms ?? 1_000);
  if (faults.some((fault) => fault.kind === 'hang_before_effect' || fault.kind === 'hang_after_effect')) {
    return noAnswer;
  }
  const reset = faults.find(
    (fault) => fault.kind === 'reset_after_effect' || fault.kind === 'reset_before_effect',
  );
  if (
    answer === undefined ||
    (reset !== undefined && (reset.point ?? 'before_any_byte') === 'before_any_byte')
  ) {
    response.socket?.resetAndDestroy();
    return noAnswer;
  }
  const outgoing = applyFaults(answer, faults, applyOwnFault);
  if (reset === undefined) {
    response.writeHead(outgoing.status, { ...outgoing.headers, 'Content-Length': outgoing.bytes.length });
    response.end(outgoing.bytes);
    return outgoing.status;
  }
  response.writeHead(outgoing.status, { ...outgoing.headers, 'Content-Length': outgoing.bytes.length });
  response.flushHeaders();
  const sentBytes = reset.point === 'half_body' ? Math.floor(outgoing.bytes.length / 2) : 0;
  // The operating system must have the part before the reset, or the client would never receive it.
  if (sentBytes > 0)
    await new Promise((resolve) => response.write(outgoing.bytes.subarray(0, sentBytes), resolve));
  else await new Promise((resolve) => setImmediate(resolve));
  response.socket?.destroy();
  return noAnswer;
}

function applyFaults<Order extends FaultOrder>(
  answer: Answer,
  faults: readonly Order[],
  applyOwnFault: (outgoing: OutgoingAnswer, fault: Order) => void,
): OutgoingAnswer {
  const outgoing: OutgoingAnswer = {
    status: answer.status,
    headers: { 'Content-Type': jsonType, ...answer.headers },
    bytes: bytesOf(answer.body),
  };
  for (const fault of faults) {
    applyOwnFault(outgoing, fault);
    if (fault.kind === 'malformed_body') malformBody(outgoing, fault);
    if (fault.kind === 'rewrite_body') {
      outgoing.bytes = Buffer.from(
        outgoing.bytes.toString('utf8').replaceAll(fault.find ?? '', fault.replace ?? ''),
      );
    }
  }
  return outgoing;
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.isBuffer(body) ? body : Buffer.from(jsonText(body));
}

function malformBody(outgoing: OutgoingAnswer, fault: FaultOrder): void {
  const bytes = fault.bytes ?? hugeBytesDefault;
  if (fault.http_status !== undefined) outgoing.status = fault.http_status;
  switch (fault.shape) {
    case 'truncated_json':
      outgoing.bytes = outgoing.bytes.subarray(0, Math.floor(outgoing.bytes.length / 2));
      return;
    case 'html':
      outgoing.headers['Content-Type'] = 'text/html; charset=utf-8';
      outgoing.bytes = Buffer.from('<!doctype html><title>Gateway</title><p>Please try again later.</p>');
      return;
    case 'empty':
      outgoing.bytes = Buffer.alloc(0);
      return;
    case 'wrong_content_type':
      outgoing.headers['Content-Type'] = 'text/plain; charset=utf-8';
      return;
    case 'huge':
      outgoing.bytes = Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) }));
      return;
    case 'gzip_bomb':
      outgoing.headers['Content-Encoding'] = 'gzip';
      outgoing.bytes = gzipSync(Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) })));
      return;
    case undefined:
      return;
    default:
      fault.shape satisfies never;
  }
}
