import type { SageAccountReason } from '../../../domain/sage-banking/account-limits.js';
import type { SageAccountStatus, SageOnboardingState } from '../../../domain/sage-banking/states.js';
import type { SageOnboardingReason } from '../../../domain/sage-banking/onboarding.js';
import type { SageReprocessReason } from '../../../domain/sage-banking/reprocess.js';
import { britishSageConnectTexts } from './en-gb-connect.js';
import { britishSageRuleTexts } from './en-gb-rules.js';
import type { TimelineValues } from '../../texts.js';

/** British texts of the `sage-banking` channel: the pages below /status/sage, and its accounts on /status. */
export const britishSageTexts = {
  sage: {
    ...britishSageConnectTexts,
    ...britishSageRuleTexts,
    back: 'Back to your feeds',
    backToAccount: 'Back to the account',
    cancel: 'Cancel',
    notFound: {
      heading: 'There is no such page',
      paragraphs: ['It may have been there before. Your accounts are listed with your feeds.'],
    },
    waiting: {
      title: 'One moment',
      heading: 'Asking Sage',
      lead: 'This takes a few seconds. The page goes on by itself.',
    },
    commandFailed: {
      heading: 'Sage could not do this',
      paragraphs: ['Please try again. If it happens again, contact your bank.'],
    },
    sageSaid: (message: string) => `Sage says: ${message}`,
    commandProblems: {
      wrong_state: 'The account is not in a state that allows this.',
      rule_not_found: 'Sage has no such rule any more.',
      rule_name_taken: 'Another rule of the account has this name already: choose another one.',
      precondition_failed: 'The rule was changed since you opened it. Nothing was changed.',
      superseded: 'The rule was changed again meanwhile: please check it as it is now.',
      provider_unavailable: 'Sage did not answer in time.',
      interrupted:
        'Your request was interrupted. Check whether it was carried out, and ask again if it was not.',
      token_refused: 'Sage does not accept your company’s connection at present.',
      other: 'Sage refused.',
    },

    states: {
      pending: {
        label: 'Waiting for the bank',
        advice: 'The bank has not sent its first transactions yet. That can take some days.',
      },
      active: { label: 'Up to date', advice: 'New transactions come in as the bank sends them.' },
      authRequired: {
        label: 'Needs you',
        advice: 'The bank wants you to authorise the account again. Until then no new transactions come in.',
      },
      cancelled: {
        label: 'Disconnected',
        advice:
          'Nothing comes in any more. To go on, connect the bank again: that makes a new account, and your rules can be restored there.',
      },
    } satisfies Record<SageAccountStatus, { label: string; advice: string }>,
    /** Instead of the label of an active account while it cannot be read; its advice is then the failure. */
    heldUp: 'Held up',
    /** The same before it was read for the first time. */
    neverRead: {
      label: 'Being read',
      advice: 'The account is connected. Its transactions are being read for the first time.',
    },
    /** Instead of those of any account whose disconnection was requested. */
    disconnecting: {
      label: 'Being disconnected',
      advice: 'What the bank has sent until now is still read; then the account is disconnected for good.',
    },
    late: 'The account was not read when it should have been. Your bank has been informed.',
    failures: {
      provider_unavailable:
        'Sage is not answering at the moment. We keep trying by ourselves; new transactions come in as soon as it does.',
      unexpected_failure: 'Something went wrong on our side. It is being looked into, and we keep trying.',
      sage_company_refused:
        'Sage does not accept your company’s connection at present. Your bank has been informed, and we keep trying.',
      sage_account_unknown: 'Sage does not know this account at present. Your bank has been informed.',
      read_rejected: 'Sage refuses to send the account’s transactions. Your bank has been informed.',
      sage_answer_not_understood:
        'Sage sends something that we cannot read. Your bank has been informed, and we keep trying.',
    } satisfies Record<SageAccountReason, string>,
    failure: 'Sage is not answering as it should. Your bank has been informed, and we keep trying.',
    balance: 'Balance at the bank',
    availableBalance: 'Available at the bank',
    balanceOn: (amount: string, date: string) => `${amount} on ${date}`,
    received: 'Transactions received',
    lastRead: 'Last asked',
    startDate: 'Start date',
    open: 'Open account',
    openLabel: (name: string) => `Open account ${name}`,
    /** By kind of timeline entry, for some with the new status. Kinds that are missing here are shown to operators only. */
    timeline: {
      sage_onboarding_ready: () => 'Your Sage company is ready to be connected to banks.',
      sage_onboarding_refused: () => 'Your Sage company could not be made ready.',
      sage_link_failed: () => 'A bank was not connected, or did not renew its connection.',
      sage_account_linked: ({ account }) => `You connected ${account}.`,
      sage_account_status_active: ({ account }) => `${account} sends its transactions.`,
      sage_account_status_authRequired: ({ account }) =>
        `The bank of ${account} wants you to authorise it again.`,
      sage_account_status_cancelled: ({ account }) => `${account} was disconnected.`,
    } satisfies Record<string, (entry: TimelineValues) => string>,

    account: {
      title: 'Account',
      reauthorize: 'Authorise again at the bank',
      authorisation: 'What the bank wants of you',
      form: 'Open the form',
      formHint:
        'The address of the form is good for an hour. If it does not open, load this page again in a minute: by then there is a new one.',
      askBank: (bank: string) => `Ask ${bank} what you have to do to let it send its transactions again.`,
      site: 'Open the bank’s site',
      onHost: (host: string) => `at ${host}`,
      rules: 'Rules',
      restore: 'Restore rules',
      disconnect: 'Disconnect',
      transactions: 'Last transactions',
      noTransactions: 'None yet.',
      pick: (date: string, narrative: string) => `Run the rules again over: ${date} ${narrative}`,
      suggestion: 'Suggestion',
      noSuggestion: 'No suggestion',
      suggestionNote:
        'Suggestions come from your rules or from Sage. They are suggestions: nothing is booked before you book it in Sage.',
      byRule: (rule: string) => `by rule ${rule}`,
      bySage: 'by Sage',
      unrecognized:
        'Some of these transactions came in an unusual form. They are kept, but parts of them cannot be shown, and rules may miss them.',
      unreadableAmount: 'amount not readable',
      corrected: {
        show: 'Show corrected transactions, too',
        hide: 'Hide corrected transactions',
        replaces: 'Sent by the bank as a correction of an earlier transaction',
        removes: 'Sent by the bank to remove an earlier transaction',
        notInForce: 'Corrected by the bank: no longer counted',
      },
      shownLast: (count: string) => `The last ${count} are shown.`,
      disconnectQuestion: (name: string) => `Disconnect ${name}?`,
      disconnectExplained: [
        'No further transactions come in, and Sage removes the account. What is in your books stays there.',
        'This cannot be undone. You can connect the bank again, as a new account; its rules can then be restored.',
      ],
      disconnectConfirm: 'Disconnect',
      disconnectKeep: 'Keep it',
      disconnecting: 'The account is being disconnected. Nothing else can be done with it meanwhile.',
      successor: 'This account was connected again since. Go on there.',
      openSuccessor: 'Open the new account',
      predecessor: 'This account takes the place of one that was disconnected.',
      notActive: {
        heading: 'The account does not wait for you',
        paragraphs: ['The bank does not ask you to authorise it again at present. Nothing was done.'],
      },
    },

    reprocess: {
      title: 'Running the rules',
      lead: 'After a change of rules, run them over the transactions that are already here. Pending are those that came without a posting.',
      all: 'Run the rules over all pending',
      ticked: 'Run the rules over the ticked',
      noneTicked: 'Tick at least one transaction.',
      notBegun:
        'This run was under way already when you asked for another one, so yours was not begun. Ask again once this one is done.',
      running: {
        heading: 'Sage runs your rules',
        progress: (done: string, total: string) => `${done} of ${total} done.`,
      },
      starting: 'This takes a few seconds or, with many transactions, minutes. The page goes on by itself.',
      done: (count: number, text: string) =>
        count === 1
          ? 'The rules were run over 1 transaction.'
          : `The rules were run over ${text} transactions.`,
      doneHeading: 'What your rules suggest',
      closed: {
        heading: 'The account is disconnected, or is about to be',
        paragraphs: ['Rules run over connected accounts only. Connect the bank again to go on.'],
      },
      failed: {
        heading: 'The run did not end',
        paragraphs: ['Suggestions that it had not reached are as they were. You can run the rules again.'],
      },
      reasons: {
        reprocess_failed_at_sage: 'Sage said that it could not run the rules.',
        reprocess_never_ended: 'Sage did not come to an end.',
        reprocess_refused: 'Sage refused to run the rules.',
        reprocess_not_authorised: 'Sage does not accept your company’s connection at present.',
        reprocess_foreign_address: 'Sage named an address that is not its own, so we stopped.',
        reprocess_account_cancelled: 'The account was disconnected meanwhile.',
        reprocess_no_answer: 'Sage did not answer.',
        reprocess_took_too_long: 'It was not done within a day.',
      } satisfies Record<SageReprocessReason, string>,
    },

    restore: {
      title: 'Restore rules',
      heading: 'Restore rules',
      lead: 'These rules belonged to accounts of your company that are disconnected. Those that you tick are made again on this account. Rules of this account from before are ticked already.',
      none: 'There are no rules to restore.',
      of: (account: string) => `of ${account}`,
      ofUnknown: 'of a former account',
      already: 'Restored on this account',
      delete: 'Delete for good',
      deleteLabel: (name: string) => `Delete for good: rule ${name}`,
      deleteExplained:
        'The rule belonged to a disconnected account. Sage deletes it for good: it cannot be restored any more.',
      button: 'Restore the ticked rules',
      noneTicked: 'Tick at least one rule.',
      outcomeHeading: 'What was restored',
      restored: 'Restored',
      failed: 'Not restored',
      someRule: 'A rule',
      offer: 'Now run the rules over the transactions that are already here?',
    },

    onboarding: {
      title: 'Your Sage company',
      headings: {
        registering: 'Your Sage company is being made ready',
        waiting_captcha: 'Type what you see',
        creating: 'Your Sage company is being made ready',
        ready: 'Your Sage company is ready',
        refused: 'Your Sage company could not be made ready',
        in_doubt: 'Your bank is looking into it',
      } satisfies Record<SageOnboardingState, string>,
      ready: 'Now connect your first bank.',
      furtherRefused: 'You can connect banks to it. A further company could not be made ready.',
      working: 'This takes a few seconds. The page goes on by itself.',
      inDoubt: [
        'Sage did not say whether your company was made ready. So that it is not done twice, a person at your bank now finds out.',
        'You need not do anything. Come back later.',
      ],
      /** On /status. */
      cards: {
        captcha: {
          label: 'Needs you',
          advice:
            'Sage shows a picture of some characters, and a person has to type them. If nobody does, your bank has to begin again.',
          button: 'Type the characters',
        },
        working: {
          label: 'In progress',
          advice: 'Your company is being made ready to be connected to banks.',
          button: 'See how it stands',
        },
        in_doubt: {
          label: 'Your bank is looking into it',
          advice: 'Sage did not say whether your company was made ready. You need not do anything.',
          button: 'See how it stands',
        },
      },
      none: {
        heading: 'Your Sage company is not set up yet',
        paragraphs: [
          'Before a bank can be connected, your bank registers your Sage company with Sage’s Banking Service. Ask your bank to begin; you then go on here.',
        ],
      },
      captchaLead:
        'Sage wants to know that you are a person. Type the characters in the picture; capitals do not matter.',
      captchaAlt: 'Picture of the characters to type. If you cannot see it, ask your bank for help.',
      captchaField: 'Characters',
      captchaButton: 'Send',
      captchaAnother: 'Show another picture',
      captchaEmpty: 'Type the characters in the picture.',
      captchaSent: 'Sage checks what you typed. The page goes on by itself.',
      captchaFetching: 'A picture is being fetched. The page goes on by itself.',
      captchaOutdated: 'That picture is no longer the current one. Type the characters of this one.',
      reasons: {
        not_configured: 'Your bank does not offer this kind of Sage product here. Ask your bank.',
        no_initial_request: 'Sage did not know of our request. Ask your bank to begin again.',
        invalid_customer:
          'Sage does not know you as a customer by the licence that your bank sent. Check the licence with your bank.',
        invalid_request:
          'Sage did not accept what your bank sent about your company. Ask your bank to check it.',
        organisation_limit:
          'Sage allows no further organisation for your licence. Ask your bank to find the one that is there.',
        provider_refused: 'Sage refused. Ask your bank what to do.',
        captcha_failed: 'The characters were wrong too often. Ask your bank to begin again.',
        captcha_abandoned: 'Nobody typed the characters in time. Ask your bank to begin again.',
        company_taken: 'Sage named a company that is here already. Your bank has to look into it.',
        provider_unavailable: 'Sage is not answering at the moment. We keep trying by ourselves.',
        sage_application_refused:
          'We cannot reach Sage at the moment. The fault is ours and is being looked into.',
        channel_disabled: 'We cannot reach Sage at the moment. The fault is ours and is being looked into.',
        company_not_accepted: 'Sage has not finished its side yet. We keep trying by ourselves.',
        unexpected: 'Something went wrong on our side. It is being looked into, and we keep trying.',
        captcha_wrong: 'That was not right. Here is a new picture.',
        captcha_expired: 'That picture was too old. Here is a new one.',
        registration_expired: 'That took too long, so Sage was asked again. Here is a new picture.',
        answer_lost: 'Sage did not say what came of it.',
        resolution_refused: 'Sage did not say what came of it.',
      } satisfies Record<SageOnboardingReason, string>,
    },
  },
} as const;
