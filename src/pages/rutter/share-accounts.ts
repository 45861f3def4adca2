import type { Request, Response } from 'express';
import { listUsableConnections } from '../../db/listed-connections.js';
import { listAccountNames } from '../../db/accounts.js';
import { readCustomer } from '../../db/customers.js';
import { recordHandoffChoice } from '../../db/rutter/handoffs.js';
import { listOfferedAccounts } from '../../db/rutter/offered-accounts.js';
import { zoneOf } from '../../domain/booking-day.js';
import type { ConnectionMode } from '../../domain/rutter/connection.js';
import { handoffLimits } from '../../domain/rutter/handoff-limits.js';
import { readField, readFields, requireOwnForm } from '../form.js';
import { PageProblem, seeOther } from '../page-problem.js';
import type { AccountsView } from './accounts-view.js';
import { accountsMain, selectField } from './accounts-view.js';
import { chosenConnection, connectionChoice, newConnectionValue } from './connection-choice.js';
import { finishHandoff } from './finish.js';
import type { RutterPages } from './context.js';
import { pageOf, sendHandoffMessage, sendHandoffPage } from './handoff-page.js';
import type { SignedInVisit } from './handoff-visit.js';
import { requireSignedIn } from './handoff-visit.js';
import { stepPaths } from './paths.js';
import type { RutterTexts } from './texts.js';

/** `GET /login/<handoff>/accounts`: the recipient, the data and the choice of accounts. */
export async function showAccounts(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, pages.t.visit.noVisit);
  if (isChoiceStored(visit)) {
    seeOther(response, stepPaths.finish(visit.handoff.handoffId));
    return;
  }
  const offer = await readOffer(pages, visit.customerId);
  if (offer.accounts.length === 0) {
    sendHandoffMessage(pages, response, pageOf(visit), { status: 200, ...pages.t.accounts.none });
    return;
  }
  if (needsLink(pages, offer, '')) {
    seeOther(response, stepPaths.link(visit.handoff.handoffId));
    return;
  }
  const { connection } = request.query;
  const chosen = typeof connection === 'string' ? connection : undefined;
  const isAll = request.query[selectField] === 'all';
  const ticked = new Set(isAll ? offer.accounts.map(({ accountId }) => accountId) : []);
  sendAccounts(pages, response, visit, { status: 200, ...offer, ticked, chosen });
}

function isChoiceStored({ handoff }: SignedInVisit): boolean {
  return handoff.state === 'sharing' || handoff.state === 'ready';
}

/** With `RUTTER_CONNECTION_MODE=link` a new company is connected in Rutter Link before accounts are shared with it. */
function needsLink({ config }: RutterPages, { choice }: Offer, chosen: string): boolean {
  if (modeOf(config) === 'api') return false;
  return choice.ask
    ? chosen === newConnectionValue && choice.newConnectionId === null
    : choice.connectionId === null;
}

function modeOf({ RUTTER_CONNECTION_MODE: mode = 'api' }: RutterPages['config']): ConnectionMode {
  return mode;
}

/**
 * `POST /login/<handoff>/accounts`: stores the choice, once, and waits for the redirect. A double click or a second
 * tab finds the choice stored and waits with the first. The button `Select all` only prints the form again.
 */
export async function shareAccounts(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const { t } = pages;
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, t.visit.noVisit);
  requireOwnForm(request, t, { publicUrl: pages.config.publicUrl, token: visit.visit.formToken });
  const offer = await readOffer(pages, visit.customerId);
  const wanted = new Set(readFields(request, 'account'));
  const chosen = readField(request, t, 'connection');
  if (readField(request, t, selectField) !== '') {
    // By a redirect: the browser's Back then finds a page, not a form to be sent again.
    const selected = new URLSearchParams({
      [selectField]: 'all',
      ...(chosen === '' ? {} : { connection: chosen }),
    });
    seeOther(response, `${stepPaths.accounts(visit.handoff.handoffId)}?${selected.toString()}`);
    return;
  }
  const accountIds = offer.accounts.map(({ accountId }) => accountId).filter((id) => wanted.has(id));
  if (accountIds.length !== wanted.size) {
    await sendUnofferedAgain(pages, response, visit, { offer, wanted, chosen });
    return;
  }
  const connectionId = chosenConnection(offer.choice, chosen);
  if (accountIds.length === 0 || connectionId === undefined) {
    const alert = accountIds.length === 0 ? t.accounts.noneTicked : t.accounts.companyMissing;
    const again = { status: 400, alert, ticked: wanted, chosen: chosen === '' ? undefined : chosen };
    sendAccounts(pages, response, visit, { ...offer, ...again });
    return;
  }
  const { handoffId } = visit.handoff;
  if (visit.handoff.state === 'logged_in' && needsLink(pages, offer, chosen)) {
    seeOther(response, stepPaths.link(handoffId));
    return;
  }
  const { customerId } = visit;
  const recorded = await recordHandoffChoice(pages.pool, { handoffId, customerId, connectionId, accountIds });
  pages.logger.info({ handoffId, recorded, accountsCount: accountIds.length }, 'accounts shared');
  await finishHandoff(pages, response, { handoffId, customerId, formToken: visit.visit.formToken });
}

/**
 * The form again after an account was chosen that is not offered: it was closed, or may not be shared any more, since the
 * page was loaded. The other ticks stay. An id of another customer's account says no more than one that does not exist.
 */
async function sendUnofferedAgain(
  pages: RutterPages,
  response: Response,
  visit: SignedInVisit,
  submitted: { offer: Offer; wanted: ReadonlySet<string>; chosen: string },
): Promise<void> {
  const { t } = pages;
  const { offer, wanted, chosen } = submitted;
  if (isChoiceStored(visit)) {
    seeOther(response, stepPaths.finish(visit.handoff.handoffId));
    return;
  }
  if (offer.accounts.length === 0) {
    sendHandoffMessage(pages, response, pageOf(visit), { status: 400, ...t.accounts.none });
    return;
  }
  const offered = new Set(offer.accounts.map(({ accountId }) => accountId));
  const accountIds = [...wanted].filter((id) => !offered.has(id));
  const names = await listAccountNames(pages.pool, { customerId: visit.customerId, accountIds });
  sendAccounts(pages, response, visit, {
    ...offer,
    status: 400,
    alert: unofferedText(t, names),
    ticked: wanted,
    chosen: chosen === '' ? undefined : chosen,
  });
}

function unofferedText(t: RutterTexts, names: readonly string[]): string {
  const named = names.slice(0, handoffLimits.namedAccountsMax);
  return t.accounts.notOffered(named, names.length - named.length);
}

type Offer = Pick<AccountsView, 'customerName' | 'accounts' | 'areMore' | 'choice' | 'timeZone'>;

async function readOffer({ pool, config, nowMs }: RutterPages, customerId: string): Promise<Offer> {
  const [customer, offered, connections] = await Promise.all([
    readCustomer(pool, { customerId }),
    listOfferedAccounts(pool, {
      customerId,
      bankTimeZone: config.BANK_TIME_ZONE ?? null,
      nowMs: nowMs(),
    }),
    listUsableConnections(pool, { customerId }),
  ]);
  const timeZone = zoneOf({
    timeZone: customer?.timeZone ?? null,
    bankTimeZone: config.BANK_TIME_ZONE ?? null,
  });
  return {
    customerName: customer?.name ?? '',
    ...offered,
    choice: connectionChoice(connections, modeOf(config)),
    timeZone,
  };
}

function sendAccounts(
  pages: RutterPages,
  response: Response,
  visit: SignedInVisit,
  shown: Omit<AccountsView, 'action' | 'formToken'> & { status: number },
): void {
  const { t } = pages;
  const { handoffId, formToken } = pageOf(visit);
  const main = accountsMain(t, {
    action: stepPaths.accounts(handoffId),
    formToken,
    ...shown,
  });
  const page = { status: shown.status, title: t.accounts.title, main };
  sendHandoffPage(pages, response, { handoffId, formToken }, page);
}
