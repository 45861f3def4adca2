import type { PagesConfig } from '../deps.js';

/** Names under which a machine knows itself: plain http to them leaves it nowhere. */
const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An address that Sage or a bank gave, and that a person may be sent to: https, or plain http on this machine where Sage is plain, too. */
export interface SafeAddress {
  readonly address: string;
  /** Host with its port, for people. */
  readonly host: string;
}

/** Null when nobody should be sent there. The address is answered as the parser read it, so that both go to one place. */
export function safeAddress(
  text: unknown,
  config: Pick<PagesConfig, 'SAGE_BANKING_URL'>,
): SafeAddress | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  const mayBePlain = config.SAGE_BANKING_URL?.startsWith('http:') === true && loopbackHosts.has(url.hostname);
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && mayBePlain);
  // A name before the host reads like a host and is none.
  if (!safe || url.username !== '' || url.password !== '') return null;
  return { address: url.href, host: url.host };
}
