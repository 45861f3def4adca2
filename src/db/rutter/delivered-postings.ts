/**
 * Condition on ledger row `l` of a batch whose state is `delivered`: this posting of it was delivered. One with another
 * exception is at Rutter with other content, or not at all.
 */
export const isDelivered = `(l.exception IS NULL OR l.exception IN ('duplicate', 'altered'))`;
