import { DatabaseSync, type StatementSync } from "node:sqlite";

/** Far more than there are statements in the program: nothing may grow for ever. */
const most = 1_000;

/**
 * A connection that compiles each statement once: SQLite takes some 40 µs for one, and on the way of one invite there
 * are a hundred. Whoever prepares the same text again gets the same object, so that a row-by-row reading has to end
 * before the text is used again.
 */
export class Connection extends DatabaseSync {
    readonly #statements = new Map<string, StatementSync>();

    override prepare(text: string): StatementSync {
        const known = this.#statements.get(text);
        if (known !== undefined) return known;
        if (this.#statements.size === most) this.#statements.clear();
        const statement = super.prepare(text);
        this.#statements.set(text, statement);
        return statement;
    }
}
