import type { SageCommandContext, SageCommandEnding } from '../command-context.js';

/** Assumed: the banks of a page (contract 4). If Sage sends more, the rest is left for the next page. */
const banksPerPage = 100;

/** One page of the banks whose name contains a text. */
export async function listBanks({ sage, command, signal }: SageCommandContext): Promise<SageCommandEnding> {
  const { name, country, start_index: startIndex = 1 } = command.input;
  const found = await sage.client.listBanks({ name, primaryCountry: country, startIndex, signal });
  const banks = found.banks.slice(0, banksPerPage);
  const nextIndex = startIndex + banks.length;
  const next = banks.length > 0 && nextIndex <= found.total ? nextIndex : null;
  return { result: { banks, total: found.total, next_index: next } };
}
