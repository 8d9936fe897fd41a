/** The server name of a user, room or event ID: what follows the first colon. Source: Matrix v1.19, appendices 4.2. */
export function serverOf(identifier: string): string {
    return identifier.slice(identifier.indexOf(":") + 1);
}
