/**
 * A log of structured lines. Facts carry the operation's room, user and job; never a key, a token, a password or a
 * message text.
 */
export interface Logger {
    debug(facts: object, message: string): void;
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
    error(facts: object, message: string): void;
    child(facts: object): Logger;
}
