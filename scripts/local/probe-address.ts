/**
 * Whether a download address answers. Without this check an address that drops our packets would delay a first start by
 * minutes, since the downloaders have no time-out.
 *
 * @returns the answer's text, or undefined if there was no usable answer in time (never throws)
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
