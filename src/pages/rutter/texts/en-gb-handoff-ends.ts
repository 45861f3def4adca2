import type { HandoffReason } from '../../../domain/rutter/handoff.js';
import type { Message } from '../../texts.js';

/** The way on where nothing else helps. */
export const startAgain = 'Go back to Sage and choose your bank there again.';
const goBack = `${startAgain.charAt(0).toLowerCase()}${startAgain.slice(1)}`;
const nothingShared = 'Nothing was shared.';
const ranOut = {
  heading: 'The time for this connection has run out',
  paragraphs: [
    'For your protection a connection to Sage must be made within ten minutes.',
    `${startAgain} What you have shared before is not affected.`,
  ],
};
const minutes = (count: number) =>
  count === 1 ? 'About one minute is' : `About ${String(count)} minutes are`;

/** British texts of how a handoff ends, is cancelled, or is kept waiting. */
export const britishHandoffEndTexts = {
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
        `If you have closed that window: ${goBack}`,
      ],
    },
    expired: ranOut,
    elsewhere: {
      heading: 'This link is in use in another window',
      paragraphs: [
        'Somebody has already signed in with this link, in another window or browser. Go on there.',
        `If that was not you, close this page. To connect your own company: ${goBack}`,
      ],
    },
  } satisfies Record<string, Message>,

  refused: {
    cancelled: {
      heading: 'You cancelled the connection',
      paragraphs: ['No account was connected to Sage in this sign-in.', `To connect later: ${goBack}`],
    },
    link_refused: {
      heading: 'This link cannot be used',
      paragraphs: [nothingShared, startAgain],
    },
    not_signed_in: ranOut,
    sign_in_refused: ranOut,
    not_finished: ranOut,
    service_unavailable: {
      heading: 'We could not finish in time',
      paragraphs: [
        'Our own service did not answer in time. Neither you nor Sage did anything wrong, and no account was connected.',
        `${startAgain} If it happens again, please contact your bank.`,
      ],
    },
    connection_unavailable: {
      heading: 'That Sage company is no longer connected',
      paragraphs: [nothingShared, `${startAgain} Then choose to connect it as a new one.`],
    },
    connection_not_linked: {
      heading: 'Your Sage company is not connected yet',
      paragraphs: [nothingShared, `Connect it in Rutter Link first. ${startAgain}`],
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
        'The account is closed, or your bank does not offer it for sharing any more, or Sage takes no account in its currency.',
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
      paragraphs: [
        'The service that passes your accounts to Sage did not answer, so no account was connected.',
        `${startAgain} If it happens again, try later today.`,
      ],
    },
    declined: {
      heading: 'You stopped the connection',
      paragraphs: [
        'No account was connected to your Sage company.',
        `${startAgain} Then tick only the accounts that can be shared.`,
      ],
    },
  } satisfies Record<HandoffReason, Message>,

  /** No step has succeeded for some time: the page says who is not answering, and how long it is still worth waiting. */
  delayed: {
    provider: {
      heading: 'Sage is not answering',
      lead: 'The service that passes your accounts to Sage has not answered yet. We keep trying, and this page goes on by itself as soon as there is an answer.',
    },
    service: {
      heading: 'We are not ready yet',
      lead: 'The delay is on our side: a part of our service is not answering at the moment. Sage and your accounts are fine. We keep trying, and this page goes on by itself.',
    },
    timeLeft: (minutesLeft: number) =>
      minutesLeft < 1
        ? 'Less than a minute is left. After that, nothing is connected and you can start again in Sage.'
        : `${minutes(minutesLeft)} left. After that, nothing is connected and you can start again in Sage.`,
    again: 'Check again now',
    leave: 'You need not wait: press Cancel to stop here, go back to Sage and try again later.',
  },

  /** On every page of the handoff. */
  cancel: {
    button: 'Cancel',
    ask: {
      heading: 'Cancel the connection to Sage?',
      paragraphs: ['No account will be connected. You can start again in Sage at any time.'],
      confirm: 'Yes, cancel',
      goOn: 'No, go on',
    },
    prepared: (count: number) =>
      count === 1
        ? 'One account had already been prepared with the service that passes accounts to Sage. It is not connected, and none of its transactions are sent.'
        : `${String(count)} accounts had already been prepared with the service that passes accounts to Sage. They are not connected, and none of their transactions are sent.`,
    close: 'You can close this window now.',
    back: 'Back to Sage',
    tooLate: {
      heading: 'It is too late to cancel here',
      paragraphs: [
        'You have already gone on to Sage with this sign-in.',
        'If you do not want to share your accounts, do not choose them in Sage, or stop sharing them on your feeds page.',
      ],
      feeds: 'Your bank feeds',
    },
    nothing: {
      heading: 'There is nothing to cancel in this window',
      paragraphs: [
        'No sign-in is running in this window, so you can close it.',
        'A sign-in that is not finished ends by itself within ten minutes, and connects nothing.',
      ],
    },
  },

  /** Instead of the general text, when our own database does not answer in a handoff. */
  unavailable: {
    heading: 'We are not answering at the moment',
    paragraphs: [
      'The fault is on our side: a part of our service is not answering. Nothing you did caused it.',
      'Load this page again in a moment. A connection to Sage must be made within ten minutes; after that, go back to Sage and choose your bank there again.',
      'You can also simply close this window: without it no account is connected to Sage.',
    ],
    again: 'Try again',
  },
} as const;
