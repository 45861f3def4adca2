/**
 * Whether a download address answers at all. An address that swallows our packets would otherwise hold a first start
 * for minutes: the downloaders behind it have no time-out of their own.
 *
 * @returns the answer's text, or undefined when nothing usable came in time (never throws)
 */
export async function probeAddress(input: {
  url: string;
  method?: 'GET' | 'HEAD';
  timeoutMs: number;
}): Promise<string | undefined> {
  try {
    const response = await fetch(input.url, {
      method: input.method ?? 'GET',
      signal: AbortSignal.timeout(input.timeoutMs),
    });
    const text = await response.text();
    return response.ok ? text : undefined;
  } catch {
    return undefined;
  }
}
