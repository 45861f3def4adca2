import type { SageLinkReason } from '../../../domain/sage-banking/bank-link.js';

/** British texts of the pages from the bank search to an account at another bank. */
export const britishSageConnectTexts = {
  connect: {
    title: 'Connect a bank',
    heading: 'Connect a bank to Sage',
    lead: 'Sage’s Banking Service brings the transactions of an account at another bank into your Sage company.',
    button: 'Connect a bank',
    name: 'Name of the bank',
    nameHint: 'A part of the name is enough.',
    country: 'Country',
    countries: {
      GBR: 'United Kingdom',
      IRL: 'Ireland',
      USA: 'United States',
      CAN: 'Canada',
      FRA: 'France',
      ESP: 'Spain',
      DEU: 'Germany',
    },
    search: 'Search',
    nameMissing: 'Enter a part of the bank’s name.',
    countryUnknown: 'Choose a country of the list.',
    foundHeading: 'Choose your bank',
    none: 'No bank of that name was found there. Check the spelling, or try a shorter part of the name.',
    more: 'There are more banks than are shown. Give more of the name.',
    searchAgain: 'Search again',
    unsupported: 'Not supported by Sage at present',
    beta: 'New at Sage',
    direct: 'You ask the bank yourself; Sage tells you how.',
    failed: {
      heading: 'The banks could not be listed',
      paragraphs: ['Please search again. If it happens again, please contact your bank.'],
    },
  },

  begin: {
    heading: (bank: string) => `Connect ${bank}`,
    company: 'Which Sage company is this for?',
    companyMissing: 'Choose the Sage company.',
    date: 'Start date',
    dateHint: 'Transactions from this day on come into Sage. It cannot be changed later.',
    dateMissing: 'Enter a date.',
    dateFuture: 'The start date must not lie in the future.',
    dateTooEarly: (year: string) => `The start date must not lie before the year ${year}.`,
    nextIndirect: (bank: string) =>
      `Next you sign in at ${bank}, in a new window. We never see your password there.`,
    nextDirect: (bank: string) => `${bank} is asked directly. Give the account as ${bank} knows it.`,
    mechanisms: {
      pdf: 'Sage then prepares a form, which you sign and send to the bank.',
      url: 'You then authorise it on the bank’s own site.',
      instructions: 'You then follow the bank’s instructions, which we show you.',
      other: 'We then show you what the bank wants.',
    },
    accountName: 'Name for the account',
    accountNumber: 'Account number',
    sortCode: 'Sort code or bank code',
    accountType: 'Type of account',
    accountTypes: { DEBIT: 'Current account', CREDIT: 'Credit card', SAVINGS: 'Savings account' },
    nameMissing: 'Give the account a name of at most 100 characters.',
    numberMissing: 'Enter the account number: letters, digits, spaces and hyphens.',
    codeMissing: 'Enter the bank’s sort code: letters, digits, spaces and hyphens.',
    typeMissing: 'Choose a type of the list.',
    button: 'Connect',
    alreadySent: {
      heading: 'This form was sent already',
      paragraphs: [
        'Its first entries were used to connect to the bank, and your changes were not.',
        'To use other entries, go back to your feeds and choose the bank again.',
      ],
    },
    notNow: {
      heading: 'This bank cannot be connected now',
      paragraphs: ['Sage does not support it at present. Choose another one, or try again another day.'],
    },
  },

  further: {
    link: 'Further accounts of this bank',
    title: 'Further accounts',
    heading: (bank: string) => `Further accounts at ${bank}`,
    lead: 'You granted these with the same consent, so you need not go to the bank again.',
    none: 'The bank offers no further accounts with this consent.',
    which: 'Which account?',
    numbered: (number: number) => `Account ${String(number)} (Sage does not say its name)`,
    noneChosen: 'Choose an account.',
    dateWrong: 'Enter a date that is not in the future.',
    direct: {
      heading: 'There are no further accounts here',
      paragraphs: [
        'This bank is asked for each account directly. Connect the bank again for another account.',
      ],
    },
  },

  link: {
    preparing: { title: 'Connecting', heading: (bank: string) => `Connecting to ${bank}` },
    waiting: {
      heading: (bank: string) => `Sign in at ${bank}`,
      lead: (host: string) =>
        `The bank opens in a new window, at ${host}. Sign in there and choose the account. This page goes on by itself.`,
      button: (bank: string) => `Go to ${bank}`,
      newWindow: 'opens in a new window',
      status: 'Waiting for you at the bank …',
      opened: 'Leave this page open meanwhile: it goes on by itself.',
      unreadable: 'We can no longer read the address of this bank’s pages. Please start again.',
      unsafe:
        'Sage named an address for this bank that is not safe, so we do not send you there. Start again later, and please tell your bank.',
    },
    creating: 'The account is being made. This page goes on by itself.',
    linked: {
      heading: 'The account is connected',
      paragraphs: ['Its transactions come in as the bank sends them; the first can take some days.'],
    },
    reauthorized: {
      heading: 'The account is authorised again',
      paragraphs: ['New transactions come in as the bank sends them.'],
    },
    failed: {
      heading: 'The account was not connected',
      more: 'Nothing was connected.',
    },
    notReauthorized: {
      heading: 'The account was not authorised again',
      more: 'Nothing has changed: the account is as it was.',
    },
    reasons: {
      bank_refused: 'The bank did not agree, or you stopped on the way. You can start again at once.',
      out_of_time:
        'The time has run out: for your protection all must be done within twenty minutes. Start again.',
      route_lost: 'The connection to Sage was lost too often. Start again.',
      foreign_address:
        'Sage named an address that is not its own, so we stopped. Your bank has to look into it.',
      wrong_bank_kind:
        'Sage connects this bank in another way than was asked for. Choose it again in the list.',
      unknown_bank: 'Sage does not know this bank any more. Choose another one.',
      unknown_candidate: 'The bank does not offer this account any more. Look again which ones there are.',
      no_account_reported: 'The bank agreed, but Sage did not say to which account. Start again.',
      account_taken: 'Sage knows this account already, as another company’s. It can be connected only once.',
      not_auth_required: 'The bank does not ask you to authorise the account again at present.',
      link_rejected: 'Sage did not take the account.',
      sage_company_refused:
        'Sage does not accept your company’s connection at present. Your bank has been informed.',
      provider_unavailable: 'Sage did not answer in time. Start again in a while.',
    } satisfies Record<SageLinkReason, string>,
    lostConsent: 'The connection was lost on the way: please go through the bank’s pages once more.',
    someBank: 'your bank',
    again: 'Start again',
    otherBank: 'Choose another bank',
    openAccount: 'Open the account',
    restore: 'Restore the rules of before',
    restoreLead: 'You had connected this account before. The rules of then can be restored.',
  },
} as const;
