import { html } from '../html.js';
import type { Html } from '../html.js';
import { fact } from '../layout.js';
import type { SageTexts } from './texts.js';
import { printCount, printDate, printMoment } from '../time-text.js';

/** Facts of an account at another bank, on its own page and on /status. Instants are ISO text. */
export function accountFacts(
  t: SageTexts,
  account: {
    readonly received: number | string;
    readonly lastReadAt: string | null;
    readonly requestedStartDate: string | null;
  },
): Html {
  const { received, lastReadAt, requestedStartDate } = account;
  return html`<dl class="facts">
    ${fact(t.sage.received, printCount(t, Number(received)))}
    ${fact(t.sage.lastRead, lastReadAt === null ? t.status.never : printMoment(t, lastReadAt))}
    ${requestedStartDate !== null && fact(t.sage.startDate, printDate(t, requestedStartDate))}
  </dl>`;
}
