import type { AccountRefusalReason } from '../../../domain/rutter/handoff.js';
import type { LoginQueryProblem } from '../redirect-target.js';
import type { Message } from '../../texts.js';
import { britishHandoffEndTexts, startAgain } from './en-gb-handoff-ends.js';

/** British texts of the login handoff, below /login. */
export const britishHandoffTexts = {
  ...britishHandoffEndTexts,

  accounts: {
    title: 'Choose accounts',
    heading: 'Choose the accounts to share',
    receiverHeading: 'Who receives your data',
    receiver: 'Sage, through Rutter',
    receiverDetail:
      'They receive the name and number of each account that you tick, details such as its balances and card limits, its transactions from the start date that you choose in Sage, and every new transaction until you stop sharing.',
    warning:
      'Continue only if you have just chosen this bank in Sage yourself. If somebody sent you a link to this page, close it: nothing has been shared.',
    companyLegend: 'Which Sage company is this for?',
    reconnect: (name: string) => `Reconnect this Sage company: ${name}`,
    connectedOn: (date: string) => `connected on ${date}`,
    connectedHint: (date: string) => `Connected on ${date}.`,
    newCompany: 'A new one',
    newCompanyHint: 'Choose this for a Sage company that is not connected yet.',
    accountsLegend: 'Accounts',
    kinds: { bank: 'Bank account', credit_card: 'Credit card' },
    selectAll: 'Select all',
    more: (count: string) =>
      `Not all of your accounts are shown: this list holds the first ${count} by name. To share another one, ask your bank to take accounts that you do not need in Sage off the list, then choose your bank in Sage again.`,
    button: 'Share accounts',
    noneTicked: 'Tick at least one account to share.',
    companyMissing: 'Choose the Sage company.',
    /** `names`: of the accounts that the customer has; none when the form named an account that does not exist. */
    notOffered: (names: readonly string[], more: number) => {
      const quoted = names.map((name) => `“${name}”`).join(', ');
      const those = more === 0 ? quoted : `${quoted} and ${String(more)} more`;
      const which = names.length === 0 ? 'An account that you chose' : those;
      const verb = names.length > 1 ? 'are' : 'is';
      return `${which} ${verb} not offered for sharing any more, so nothing has been shared yet. Check the accounts below and share them again.`;
    },
    none: {
      heading: 'There is no account to share',
      paragraphs: [
        'We found no account of yours that can be shared with Sage.',
        'Ask your bank to make your accounts available for bank feeds, then choose your bank in Sage again.',
      ],
    },
  },

  /** With `RUTTER_CONNECTION_MODE=link`, before the accounts. */
  linking: {
    heading: 'Connect your Sage first',
    lead: 'Before you choose accounts, connect your Sage company in Rutter Link, the service that connects us to Sage.',
    begin: 'Continue to Rutter Link',
    button: 'Open Rutter Link',
    waiting:
      'It opens in a window of its own. When you have finished there, come back: this page goes on by itself.',
  },

  link: (problem: LoginQueryProblem): Message => ({
    heading: 'This link cannot be used',
    paragraphs: [
      problem === 'redirect_foreign'
        ? 'It asks us to send you to an address that does not belong to Sage’s connection service, so we stopped here.'
        : 'It is incomplete or has been changed on its way.',
      `${startAgain} If you received the link in a message, do not use it.`,
    ],
  }),

  finishing: {
    title: 'Finishing',
    heading: 'Finishing',
    lead: 'We are preparing your accounts for Sage. This page goes on by itself; please leave it open.',
    progress: (shared: number, total: number) => `${String(shared)} of ${String(total)} shared.`,
  },

  /** Some of the chosen accounts could not be published at Rutter. */
  partial: {
    title: 'Some accounts cannot be shared',
    heading: (count: number) =>
      count === 1 ? 'One account cannot be shared' : `${String(count)} accounts cannot be shared`,
    lead: (count: number) =>
      count === 1
        ? 'This account could not be shared with Sage:'
        : 'These accounts could not be shared with Sage:',
    reasons: {
      account_mismatch: () =>
        'It was shared before with another currency or type. Please ask your bank to correct this.',
      account_unpublishable: (code: string | null) => {
        if (code === 'currency_not_listed') return 'Sage takes no account in its currency.';
        return code === 'account_closed' ? 'It is closed.' : 'Your bank does not offer it for sharing.';
      },
      provider_refused: (code: string | null) =>
        code === null
          ? 'The service that passes your accounts to Sage refused it. Please ask your bank.'
          : `The service that passes your accounts to Sage refused it (${code}). Please ask your bank.`,
      connection_unlinking: () => 'The connection to this Sage company is being removed.',
    } satisfies Record<AccountRefusalReason, (code: string | null) => string>,
    question: (count: number) =>
      count === 1
        ? 'Do you want to continue with the other account? You can share the missing ones later.'
        : `Do you want to continue with the other ${String(count)} accounts? You can share the missing ones later.`,
    accept: (count: number) =>
      count === 1 ? 'Continue with the other account' : `Continue with the other ${String(count)} accounts`,
    decline: 'Stop, connect nothing',
    more: (count: number) => `and ${String(count)} more`,
  },

  /** The time for the handoff ran out before every account was published. */
  missing: {
    heading: 'Some accounts will follow',
    later:
      'There was not enough time to share these accounts. We go on with them now; they appear in Sage within the next minutes:',
    goesOn: 'You need not wait for them. This page goes on to Sage by itself.',
    button: 'Continue to Sage',
    statusHeading: 'Not shared yet',
    statusLater: 'We are still sharing these accounts with Sage:',
  },

  visit: {
    noVisit: {
      heading: 'Please start again in Sage',
      paragraphs: [
        'This window has no running sign-in: it was opened in another browser, or more than ten minutes have passed.',
        `${startAgain} If you see this page again, your browser may be blocking cookies for this site: allow them, or use another browser.`,
      ],
    },
    tooManyArrivals: {
      heading: 'Too many visits from your network',
      paragraphs: ['Nothing has been shared. Wait a minute, then choose your bank in Sage again.'],
    },
  },
} as const;
