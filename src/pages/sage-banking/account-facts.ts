import { html } from '../html.js';
import type { Html } from '../html.js';
import { fact } from '../layout.js';
import { printAmount } from '../amount-text.js';
import type { SageTexts } from './texts.js';
import { printCount, printDate, printMoment } from '../time-text.js';

/** A balance as the bank last reported it: decimal text, and the day or instant of it as Sage writes it. */
export interface ShownBalance {
  readonly amount: string | null;
  readonly date: string | null;
}

/** Facts of an account at another bank, on its own page and on /status. Instants are ISO text. */
export function accountFacts(
  t: SageTexts,
  account: {
    readonly received: number | string;
    readonly lastReadAt: string | null;
    readonly requestedStartDate: string | null;
    readonly currency: string | null;
    readonly ledger: ShownBalance;
    /** On the account's own page. */
    readonly available?: ShownBalance;
    /** In which instants are printed; null: UTC. */
    readonly timeZone: string | null;
  },
): Html {
  const { received, lastReadAt, requestedStartDate, currency, timeZone, ledger, available } = account;
  return html`<dl class="facts">
    ${balanceFact(t, t.sage.balance, { ...ledger, currency, timeZone })}
    ${available !== undefined && balanceFact(t, t.sage.availableBalance, { ...available, currency, timeZone })}
    ${fact(t.sage.received, printCount(t, Number(received)))}
    ${fact(t.sage.lastRead, lastReadAt === null ? t.status.never : printMoment(t, lastReadAt, timeZone))}
    ${requestedStartDate !== null && fact(t.sage.startDate, printDate(t, requestedStartDate.slice(0, 'YYYY-MM-DD'.length)))}
  </dl>`;
}

function balanceFact(
  t: SageTexts,
  name: string,
  { amount, date, currency, timeZone }: ShownBalance & { currency: string | null; timeZone: string | null },
): Html | undefined {
  if (amount === null) return undefined;
  const printed = printAmount(t, amount, currency);
  const isDate = date !== null && !Number.isNaN(Date.parse(date));
  return fact(name, isDate ? t.sage.balanceOn(printed, printDate(t, date, timeZone)) : printed);
}
