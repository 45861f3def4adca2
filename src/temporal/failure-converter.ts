/**
 * How errors become Temporal failures, in clients, in workers and inside the workflow bundle: so nothing of Node here.
 *
 * Message and stack trace go into a payload, which the codec encrypts; alone, a codec would leave them readable. All parts of
 * a failure are limited to what the codec accepts: a failure that cannot be reported would end the worker.
 */
import { DefaultFailureConverter } from '@temporalio/common';
import type { Payload, PayloadConverter, ProtoFailure } from '@temporalio/common';
import { payloadBytesMax } from './payload-limit.js';

const messageBytesMax = payloadBytesMax / 4;
const stackBytesMax = payloadBytesMax / 2;
/** Room for a payload's metadata and framing. */
const detailBytesMax = payloadBytesMax - 512;

class BoundedFailureConverter extends DefaultFailureConverter {
  constructor() {
    super({ encodeCommonAttributes: true });
  }

  /** Called for an error and, one by one, for its causes. */
  override errorToFailureInner(
    ...parameters: Parameters<DefaultFailureConverter['errorToFailureInner']>
  ): ProtoFailure {
    const [, payloadConverter] = parameters;
    const failure = super.errorToFailureInner(...parameters);
    return {
      ...failure,
      message: truncateToJsonBytes(failure.message ?? '', messageBytesMax),
      stackTrace: truncateToJsonBytes(failure.stackTrace ?? '', stackBytesMax),
      ...boundedDetails(failure, payloadConverter),
    };
  }
}

/** The SDK asks for an export of this name. */
export const failureConverter = new BoundedFailureConverter();

/** Details over the limit are replaced, one by one, by a note of their size: their number and order stay. */
function boundedDetails(failure: ProtoFailure, payloadConverter: PayloadConverter): Partial<ProtoFailure> {
  const info = failure.applicationFailureInfo;
  const payloads = info?.details?.payloads;
  if (info == null || payloads == null) return {};
  const bounded = payloads.map((payload: Payload): Payload => {
    const bytes = payload.data?.byteLength ?? 0;
    return bytes <= detailBytesMax ? payload : payloadConverter.toPayload({ omittedBytes: bytes });
  });
  return { applicationFailureInfo: { ...info, details: { payloads: bounded } } };
}

/** The longest beginning of a text that takes at most `bytesMax` bytes as JSON in UTF-8; never underestimates. */
function truncateToJsonBytes(text: string, bytesMax: number): string {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    bytes += jsonBytesOf(text.charCodeAt(index));
    if (bytes > bytesMax) return text.slice(0, index);
  }
  return text;
}

function jsonBytesOf(unit: number): number {
  const escaped = unit < 0x20 || (unit >= 0xd800 && unit <= 0xdfff);
  if (escaped) return 6;
  if (unit === 0x22 || unit === 0x5c) return 2;
  if (unit < 0x80) return 1;
  return unit < 0x800 ? 2 : 3;
}
