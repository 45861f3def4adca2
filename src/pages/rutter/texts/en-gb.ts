import type { HandoffReason } from '../../../domain/rutter/handoff.js';
import type { LoginQueryProblem } from '../redirect-target.js';
import type { Message } from '../../texts.js';

const startAgain = 'Go back to Sage and choose your bank there again.';
const nothingShared = 'Nothing was shared.';

/** What stands on every page and on those of the handoff. */
export const britishLoginTexts = {
  language: 'en-GB',
  serviceName: 'Bank feeds',
  footer: 'We never ask for your password by phone or email.',

  signIn: {
    title: 'Sign in',
    heading: 'Sign in to connect Sage',
    lead: 'Use the username and password of your online banking. Nothing is shared before you have seen who receives it and have agreed.',
    username: 'Username',
    password: 'Password',
    button: 'Sign in',
    refused: 'That username and password do not match. Check both and try again.',
    empty: 'Enter your username and your password.',
    throttled: (minutes: number) =>
      `Too many attempts. For your protection, wait ${minutes === 1 ? 'a minute' : `${String(minutes)} minutes`} and try again.`,
    busy: 'Many people are signing in just now. Try again in a few seconds.',
  },

  accounts: {
    title: 'Choose accounts',
    heading: 'Choose the accounts to share',
    signedInAs: 'Signed in as',
    receiverHeading: 'Who receives your data',
    receiver: 'Sage, through Rutter',
    receiverDetail:
      'They receive the name and number of each account that you tick, its transactions from the start date that you choose in Sage, and every new transaction until you stop sharing.',
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
    button: 'Share accounts',
    noneTicked: 'Tick at least one account to share.',
    companyMissing: 'Choose the Sage company.',
    none: {
      heading: 'There is no account to share',
      paragraphs: [
        'We found no account of yours that can be shared with Sage.',
        'Ask your bank to make your accounts available for bank feeds, then choose your bank in Sage again.',
      ],
    },
  },

  finishing: {
    title: 'Finishing',
    heading: 'Finishing',
    lead: 'We are preparing your accounts for Sage. This page goes on by itself; please leave it open.',
    continue: 'Continue now',
  },

  over: {
    taken: {
      heading: 'You have already gone on to Sage',
      paragraphs: [
        'This sign-in has done its work and cannot be used a second time.',
        `If Sage does not show your accounts, go back to Sage and choose your bank there again.`,
      ],
    },
    superseded: {
      heading: 'Continued in another window',
      paragraphs: [
        'You started the connection to Sage again, so it goes on in the newer window.',
        `If you have closed that window: ${startAgain.charAt(0).toLowerCase()}${startAgain.slice(1)}`,
      ],
    },
    expired: {
      heading: 'The time for this connection has run out',
      paragraphs: [
        'For your protection a connection to Sage must be made within ten minutes.',
        `${startAgain} What you have shared before is not affected.`,
      ],
    },
    elsewhere: {
      heading: 'This link is in use in another window',
      paragraphs: [
        'Somebody has already signed in with this link, in another window or browser. Go on there.',
        `If that was not you, close this page. To connect your own company: ${startAgain.charAt(0).toLowerCase()}${startAgain.slice(1)}`,
      ],
    },
  } satisfies Record<string, Message>,

  refused: {
    connection_unavailable: {
      heading: 'That Sage company is no longer connected',
      paragraphs: [nothingShared, `${startAgain} Then choose to connect it as a new one.`],
    },
    connection_refused: {
      heading: 'Sage no longer accepts this connection',
      paragraphs: [
        nothingShared,
        `Open your feeds page, reconnect the company there, and then choose your bank in Sage again.`,
      ],
    },
    no_accounts: {
      heading: 'None of the chosen accounts can be shared',
      paragraphs: [nothingShared, startAgain],
    },
    account_mismatch: {
      heading: 'An account does not match what Sage holds',
      paragraphs: [
        'One of the accounts was shared before with another currency or type.',
        'Please contact your bank: this has to be put right there.',
      ],
    },
    provider_refused: {
      heading: 'Sage did not accept the connection',
      paragraphs: [
        'The service that passes your accounts to Sage refused the request.',
        `${startAgain} If it happens again, please contact your bank.`,
      ],
    },
    redirect_refused: {
      heading: 'We stopped before the last step',
      paragraphs: [
        'We were asked to send you to an address that does not belong to Sage’s connection service.',
        `${startAgain} If it happens again, please contact your bank.`,
      ],
    },
    credentials_rejected: {
      heading: 'We cannot connect to Sage at the moment',
      paragraphs: ['The fault is ours and is being checked.', `${startAgain} Please try later today.`],
    },
    provider_unavailable: {
      heading: 'Sage did not answer in time',
      paragraphs: ['The service that passes your accounts to Sage could not be reached.', startAgain],
    },
  } satisfies Record<HandoffReason, Message>,

  link: (problem: LoginQueryProblem): Message => ({
    heading: 'This link cannot be used',
    paragraphs: [
      problem === 'redirect_foreign'
        ? 'It asks us to send you to an address that does not belong to Sage’s connection service, so we stopped here.'
        : 'It is incomplete or has been changed on its way.',
      `${startAgain} If you received the link in a message, do not use it.`,
    ],
  }),

  problems: {
    noVisit: {
      heading: 'Please start again in Sage',
      paragraphs: [
        'This window has no running sign-in: it was opened in another browser, or more than ten minutes have passed.',
        `${startAgain} If you see this page again, your browser may be blocking cookies for this site: allow them, or use another browser.`,
      ],
    },
    forged: {
      heading: 'This page was out of date',
      paragraphs: [
        'For your protection we did not use what it sent.',
        'Go back, load the page again and repeat your entry.',
      ],
    },
    badForm: {
      heading: 'We could not read the form',
      paragraphs: ['Go back, load the page again and repeat your entry.'],
    },
    notFound: {
      heading: 'There is no such page',
      paragraphs: [
        'To connect your accounts, choose your bank in Sage. Your feeds are listed under /status.',
      ],
    },
    tooManyArrivals: {
      heading: 'Too many visits from your network',
      paragraphs: ['Nothing has been shared. Wait a minute, then choose your bank in Sage again.'],
    },
    unavailable: {
      heading: 'We cannot do this right now',
      paragraphs: ['A part of our service is not answering. Please try again in a minute.'],
    },
    failed: {
      heading: 'Something went wrong on our side',
      paragraphs: ['Please try again. If it happens again, tell your bank the number below.'],
    },
    reference: (requestId: string) => `Reference: ${requestId}`,
  },
} as const;
