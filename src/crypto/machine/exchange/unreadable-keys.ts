import { isIdentifier } from "../../../matrix/index.ts";

/**
 * The machine answers alike for whatever it cannot read; only its log tells that an `m.room_key` was decrypted, and
 * that the names or the value of its flag made it unreadable. Measured with 18.9.0; a test shows that it still does.
 * Each part of the line is looked for once: it may be 64 kB of a stranger's text.
 */
function tellsOfFlag(line: string): boolean {
    const failed = after(line, "successfully decrypted but parsing");
    const error = failed === undefined ? undefined : after(failed, 'JsonError(Error("');
    if (error === undefined) return false;
    if (error.startsWith('duplicate field `m.shared_history`"')) return true;
    return error.startsWith("invalid type: ") && error.includes(', expected a boolean"');
}

function after(text: string, part: string): string | undefined {
    const at = text.indexOf(part);
    return at < 0 ? undefined : text.slice(at + part.length);
}

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
        if (!tellsOfFlag(line)) return;
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
