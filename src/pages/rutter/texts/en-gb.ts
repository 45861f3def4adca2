import type { FeedState } from '../../../domain/feed.js';
import type { AccountRefusalReason, HandoffReason } from '../../../domain/rutter/handoff.js';
import type { LoginQueryProblem } from '../redirect-target.js';
import type { TimelineValues, Message } from '../../texts.js';

const startAgain = 'Go back to Sage and choose your bank there again.';
const nothingShared = 'Nothing was shared.';

/** British texts of the `rutter` channel: the login handoff below /login, and its feeds on /status. */
export const britishRutterTexts = {
  feed: {
    states: {
      created: { label: 'Being prepared', advice: 'We are publishing this account to Sage.' },
      awaiting_activation: {
        label: 'Waiting for you',
        advice: 'Choose this account and a start date in Sage. Nothing is sent before that.',
      },
      backfilling: {
        label: 'Sending history',
        advice: 'Your transactions since the start date are on their way to Sage.',
      },
      syncing: { label: 'Up to date', advice: 'New transactions are being sent now.' },
      live: { label: 'Up to date', advice: 'New transactions are sent as they are booked.' },
      paused: {
        label: 'Paused',
        advice: 'Your bank has paused this feed. Nothing is lost: it goes on from where it stopped.',
      },
      reauth_required: {
        label: 'Needs you',
        advice:
          'Sage no longer accepts the connection. Reconnect it; what was booked meanwhile is then sent.',
      },
      disconnected: {
        label: 'Disconnected',
        advice:
          'The account is no longer chosen in Sage. Choose it there again; what was booked meanwhile is then sent.',
      },
      closed: {
        label: 'Stopped',
        advice: 'Nothing is sent any more. To share the account again, choose your bank in Sage.',
      },
    } satisfies Record<FeedState, { label: string; advice: string }>,
    held: 'Sending is held back while your bank looks into a question. Nothing is lost.',
    quarantined: (count: number) =>
      count === 1
        ? 'One transaction could not be delivered as it is. Your bank is looking into it; ask your bank if you miss it in Sage.'
        : `${String(count)} transactions could not be delivered as they are. Your bank is looking into them; ask your bank if you miss them in Sage.`,
    stillShown: {
      name: (shown: string) => `Sage still shows this account as “${shown}”.`,
      number: (shown: string) =>
        shown === ''
          ? 'Sage still shows the earlier account number.'
          : `Sage still shows the account number that ends in ${shown}.`,
      currency: (shown: string) => `Sage still shows the currency ${shown}.`,
    },
    stillShownAdvice:
      'A change of the account does not reach Sage; you can change what it shows in Sage itself. Transactions are sent as before.',
    overlap:
      'This account is shared over more than one connection to Sage, and each of them receives its transactions from its own start date on. If they lead to the same Sage company, you will find transactions there twice: then stop sharing on the one that you no longer use.',
    retrying: 'Sage is not answering at the moment. We keep trying by ourselves.',
    lastSent: 'Last checked with Sage',
    startDate: 'Start date',
    delivered: 'Transactions delivered',
    reconnect: 'Reconnect in Sage',
    stop: 'Stop sharing',
    stopLabel: (name: string) => `Stop sharing ${name}`,
    stopHeading: (name: string) => `Stop sharing ${name}?`,
    stopExplained: [
      'No further transactions of this account are sent to Sage. What Sage has received stays there; remove it in Sage if you wish.',
      'You can share the account again at any time by choosing your bank in Sage.',
    ],
    stopConfirm: 'Stop sharing',
    keep: 'Keep sharing',
  },

  connect: {
    heading: 'Connect your Sage',
    lead: 'Usually you start in Sage by choosing this bank. If your Sage product asks you to connect it first, do it here, by Rutter Link, the service that connects us to Sage.',
    button: 'Connect your Sage by Rutter Link',
    connecting: {
      title: 'Connecting',
      heading: 'Preparing the connection',
      lead: 'This takes a few seconds. The page goes on by itself.',
    },
    connected: {
      heading: 'Connect your Sage',
      lead: 'Rutter Link opens on its own site and asks you to sign in to Sage.',
      button: 'Open Rutter Link',
      ready: 'Your connection is ready. Now choose your bank in Sage.',
      back: 'Back to your feeds',
    },
    failed: {
      heading: 'The connection could not be prepared',
      paragraphs: ['Please try again later. If it happens again, contact your bank.'],
    },
  },

  /** By kind of timeline entry. Kinds that are missing here are shown to operators only. */
  timeline: {
    handoff_completed: () => 'You connected accounts to a Sage company.',
    handoff_refused: () => 'A connection to Sage was refused. Nothing was shared.',
    handoff_expired: () => 'A connection to Sage was not finished in time.',
    connection_created: () => 'A connection to Sage was made.',
    connection_refused: ({ account }) => `Sage stopped accepting the connection of ${account}.`,
    connection_recovered: ({ account }) => `Sage accepts the connection of ${account} again.`,
    account_not_published: () => 'An account could not be published to Sage.',
    accounts_published_later: () => 'Some accounts were still being shared when you went on to Sage.',
    feed_published: ({ account }) => `You shared ${account} with Sage.`,
    feed_reopened: ({ account }) => `You shared ${account} with Sage again.`,
    feed_activated: ({ account }) => `${account} was chosen in Sage.`,
    feed_disconnected: ({ account }) => `${account} is no longer chosen in Sage.`,
    start_date_changed: ({ account }) => `The start date of ${account} was changed in Sage.`,
    account_change_not_in_sage: ({ account }) => `A change of ${account} is not shown in Sage.`,
    account_as_in_sage_again: ({ account }) => `Sage shows ${account} as your bank does again.`,
    batch_delivered: ({ account, count }) =>
      `${count} ${count === '1' ? 'transaction' : 'transactions'} of ${account} reached Sage.`,
    caught_up: ({ account }) => `All past transactions of ${account} are in Sage.`,
    pause_requested: ({ account }) => `Your bank paused ${account}.`,
    resume_requested: ({ account }) => `Your bank resumed ${account}.`,
    close_requested: ({ account }) => `Sharing of ${account} was stopped.`,
    feed_blocked: ({ account }) => `Sending of ${account} is held back; your bank is looking into it.`,
  } satisfies Record<string, (entry: TimelineValues) => string>,

  accounts: {
    title: 'Choose accounts',
    heading: 'Choose the accounts to share',
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
    selectAll: 'Select all',
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
        'Please contact your bank, which has to correct this.',
      ],
    },
    account_unpublishable: {
      heading: 'An account cannot be shared with Sage',
      paragraphs: [
        'Your bank does not offer the account for sharing any more, or Sage takes no account in its currency.',
        'Please contact your bank.',
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
      paragraphs: ['The fault is ours and is being looked into.', `${startAgain} Please try later today.`],
    },
    provider_unavailable: {
      heading: 'Sage did not answer in time',
      paragraphs: ['The service that passes your accounts to Sage could not be reached.', startAgain],
    },
    declined: {
      heading: 'You stopped the connection',
      paragraphs: [
        'No account was connected to your Sage company.',
        `${startAgain} Then tick only the accounts that can be shared.`,
      ],
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
      account_unpublishable: (code: string | null) =>
        code === 'currency_not_listed'
          ? 'Sage takes no account in its currency.'
          : 'Your bank does not offer it for sharing.',
      provider_refused: (code: string | null) =>
        code === null
          ? 'The service that passes your accounts to Sage refused it. Please ask your bank.'
          : `The service that passes your accounts to Sage refused it (${code}). Please ask your bank.`,
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
