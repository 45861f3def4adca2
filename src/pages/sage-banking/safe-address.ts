import type { PagesConfig } from '../deps.js';

/** Names of the own machine: plain http to them never leaves it. */
const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** A URL from Sage or a bank to which a customer may be sent: https, or plain http on this machine where Sage's URL is plain too. */
export interface SafeAddress {
  readonly address: string;
  /** Host with its port, for display. */
  readonly host: string;
}

/** Null when nobody should be sent there. The URL is answered as the parser read it, so that check and link are the same. */
export function safeAddress(
  text: unknown,
  config: Pick<PagesConfig, 'SAGE_BANKING_URL'>,
): SafeAddress | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  const mayBePlain = config.SAGE_BANKING_URL?.startsWith('http:') === true && loopbackHosts.has(url.hostname);
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && mayBePlain);
  // Credentials before the host can look like another host.
  if (!safe || url.username !== '' || url.password !== '') return null;
  return { address: url.href, host: url.host };
}
