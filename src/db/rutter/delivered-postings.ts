/**
 * Condition on ledger row `l` of a batch whose state is `delivered`: this posting of it was delivered. One with another
 * exception is at Rutter with other content, or not at all.
 */
export const isDelivered = `(l.exception IS NULL OR l.exception IN ('duplicate', 'altered'))`;

/**
 * Condition on the same row: something of this posting is at Rutter, as it was sent, or with other content or under
 * another id (`conflict`, also after an operator accepted it so).
 */
export const isAtRutter = `(${isDelivered} OR l.exception = 'conflict' OR l.had_conflict)`;
