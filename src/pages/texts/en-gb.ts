/** British texts that every page uses, those of /status on which no channel has a say, and those of /codec. */
export const britishTexts = {
  language: 'en-GB',
  serviceName: 'Bank feeds',
  footer: 'We never ask for your password by phone or email.',
  continue: 'Continue now',

  home: {
    title: 'Bank feeds',
    lead: 'This service sends the transactions of bank accounts to Sage.',
    links: [
      { path: '/status', text: 'Your bank feeds', about: 'for customers: what is sent, and what to do' },
      { path: '/docs', text: 'API reference', about: 'for core banking and operators' },
      { path: '/readyz', text: 'Readiness', about: 'whether the database and Temporal answer' },
    ],
  },

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

  status: {
    title: 'Your bank feeds',
    heading: 'Your bank feeds',
    signInHeading: 'Sign in to see your bank feeds',
    signInLead: 'Use the username and password of your online banking.',
    signedInAs: 'Signed in as',
    signOut: 'Sign out',
    none: 'You share no account with Sage yet. To share one, choose your bank in Sage, or connect your Sage below.',
    account: (last4: string) => `ending ${last4}`,
    never: 'Not yet',
    stopped: 'We stop sharing this account now.',
    timelineHeading: 'What happened',
    timelineEmpty: 'Nothing yet.',
    someAccount: 'an account',
  },

  codec: {
    title: 'Operators: payloads',
    heading: 'Read payloads in the Temporal UI',
    lead: 'Sign in with the operators’ token. The Temporal UI can then show payloads in clear, in this browser, for as long as you are signed in.',
    token: 'Operators’ token',
    button: 'Sign in',
    refused: 'That is not the operators’ token.',
    signedIn: 'You are signed in.',
    howTo: (endpoint: string, uiUrl: string) =>
      `In the Temporal UI at ${uiUrl} open the codec settings (the glasses at the top), choose “Use my browser setting and ignore Cluster-level setting”, enter ${endpoint} as the endpoint, switch on “Include cross-origin credentials” and apply.`,
    signOut: 'Sign out',
  },

  problems: {
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
