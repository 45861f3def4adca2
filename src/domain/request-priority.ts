/**
 * The class of a request to a provider, for the limiter: a person waits for it (`interactive`), or postings are being sent
 * (`delivery`).
 */
export type RequestPriority = 'interactive' | 'delivery';
