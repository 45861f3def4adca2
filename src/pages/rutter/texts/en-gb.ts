import type { FeedState } from '../../../domain/feed.js';
import type { TimelineValues } from '../../texts.js';
import { britishHandoffTexts } from './en-gb-handoff.js';

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
    accountClosed: {
      label: 'Account closed',
      advice: (date: string) =>
        `This account was closed on ${date}. What was booked up to that day has been sent, and nothing more follows.`,
    },
    accountCloses: (date: string) =>
      `The last day of this account is ${date}. What was booked up to that day is sent to Sage; then this feed ends by itself.`,
    connectionEnded:
      'Your bank has ended the connection to Sage. Nothing is sent any more. To share the account again, choose your bank in Sage.',
    /** Instead of those of a state in which the feed sends. */
    held: {
      label: 'Held back',
      advice: 'Sending is held back while your bank looks into a question. Nothing is lost.',
    },
    notAnswering: {
      label: 'Delayed',
      advice:
        'Sage is not answering at the moment. We keep trying by ourselves, and send everything as soon as it does.',
    },
    delayed: {
      label: 'Delayed',
      advice: 'We cannot send to Sage at the moment. We keep trying by ourselves, and nothing is lost.',
    },
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
    lastSent: 'Last checked with Sage',
    startDate: 'Start date',
    delivered: 'Transactions sent',
    sentThrough: 'Sent up to',
    takenThrough: 'Taken by Sage up to',
    takenNothing: 'Not taken yet',
    takenUnknown: 'Not known',
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
    handoff_cancelled: () => 'You cancelled a connection to Sage. No account was connected.',
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
      `${count} ${count === '1' ? 'transaction' : 'transactions'} of ${account} sent to Sage.`,
    caught_up: ({ account }) => `All past transactions of ${account} were sent to Sage.`,
    postings_taken: ({ account, count }) =>
      `Sage took ${count} ${count === '1' ? 'transaction' : 'transactions'} of ${account}.`,
    pause_requested: ({ account }) => `Your bank paused ${account}.`,
    resume_requested: ({ account }) => `Your bank resumed ${account}.`,
    feed_closed: ({ account }) => `Sharing of ${account} has ended.`,
    feed_opened_again: ({ account }) => `${account} is sent to Sage again.`,
    connection_unlinked: () => 'Your bank ended a connection to Sage.',
    close_requested: ({ account }) => `Sharing of ${account} was stopped.`,
    feed_blocked: ({ account }) => `Sending of ${account} is held back; your bank is looking into it.`,
  } satisfies Record<string, (entry: TimelineValues) => string>,

  ...britishHandoffTexts,
} as const;
