/** The transactions of the worked examples, contract 9.7. */
export const T1 = {
  transactionAmount: -84,
  narrative1: 'DD NORTHGATE ENERGY',
  referenceNumber: 'A-771',
  datePosted: '2024-03-05',
};
export const T2 = {
  transactionAmount: 1250,
  description: 'Harbour Cafe Ltd',
  narrative1: 'FPS',
  datePosted: '2024-03-06',
};
export const T3 = { transactionAmount: 0, narrative1: 'FEE WAIVED', datePosted: '2024-03-06' };
