import { isIdentifier } from "../../matrix/index.ts";

/**
 * The machine answers alike for whatever it cannot read; only its log tells that an `m.room_key` was decrypted, and
 * that the names or the value of its flag made it unreadable. Measured with 18.9.0; a test shows that it still does.
 */
const unreadableFlag =
    /successfully decrypted but parsing[^]*?JsonError\(Error\("(?:duplicate field `m\.shared_history`|invalid type: [^]*, expected a boolean)"/;
/** The machine writes the innermost span first, and what a sender wrote before that. */
const outermostSender = /receive_to_device_event with sender="([^"\s]+)"/g;

/**
 * Room keys that are lost because the machine cannot read the spelling of their flag: two names of its own at once, or
 * a value that is no boolean.
 * Trust limit: the sender is the one that the homeserver names.
 */
export class UnreadableKeys {
    #senders: readonly string[] = [];

    /** A line of the machine's own log. */
    heard(line: string): void {
        if (!unreadableFlag.test(line)) return;
        const sender = [...line.matchAll(outermostSender)].at(-1)?.[1];
        if (isIdentifier(sender)) this.#senders = [...this.#senders, sender];
    }

    /** Who sent such keys since this was asked last: each as often as they did. */
    take(): readonly string[] {
        const senders = this.#senders;
        this.#senders = [];
        return senders;
    }
}
