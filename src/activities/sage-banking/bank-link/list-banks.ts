import type { SageCommandContext, SageCommandEnding } from '../command-context.js';

/** Assumed: so many banks a page (contract 4). What Sage would send beyond is left for the next page. */
const pageBanks = 100;

/** One page of the banks whose name holds a text. */
export async function listBanks({
  channel,
  command,
  signal,
}: SageCommandContext): Promise<SageCommandEnding> {
  const { name, country, start_index: startIndex = 1 } = command.input;
  const found = await channel.client.listBanks({ name, primaryCountry: country, startIndex, signal });
  const banks = found.banks.slice(0, pageBanks);
  const nextIndex = startIndex + banks.length;
  const next = banks.length > 0 && nextIndex <= found.total ? nextIndex : null;
  return { result: { banks, total: found.total, next_index: next } };
}
