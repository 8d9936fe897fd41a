/** Milliseconds. Nothing is put off further: what lies further ahead was written under a clock that went wrong. */
const farthest = 3_700_000;
/** The same for what a server asked for, which is a day at most, and a tenth. */
const farthestRefusal = 27 * 3_600_000;

/**
 * SQL for when a row falls due; 0: it is due. `?1` is the time now, in milliseconds since the epoch. A clock that was
 * set ahead makes a row due, and one that was set back holds none up for longer than its own wait could be.
 * @param dueAt the column with the time from which the row is due
 * @param notBefore the column with the time before which a server does not want to be asked
 */
export function waitsUntil(dueAt: string, notBefore: string): string {
    return `max(${ahead(dueAt, farthest)}, ${ahead(notBefore, farthestRefusal)})`;
}

function ahead(column: string, most: number): string {
    return `iif(${column} BETWEEN ?1 + 1 AND ?1 + ${most}, ${column}, 0)`;
}
