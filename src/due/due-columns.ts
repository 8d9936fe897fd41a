/**
 * SQL for when a row falls due. `?1` is the time now, and all times are of the running clock.
 * @param dueAt the column with the time from which the row is due
 * @param notBefore the column with the time before which a server does not want to be asked
 */
export function waitsUntil(dueAt: string, notBefore: string): string {
    return `max(${dueAt}, ${notBefore})`;
}
