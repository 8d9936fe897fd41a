const minute = 60_000;
/** A request is looked at from five minutes before the time that it bears until ten minutes after. */
const rememberedMs = 15 * minute;
const mostOfAUser = 5;
const mostOfAll = 60;

/** Which requests to verify the bot are answered: each once, and of one user, and of all together, so many a minute. */
export class AnswerLimits {
    readonly #answered = new Map<string, { readonly userId: string; readonly at: number }>();

    /**
     * Whether this request is answered; if so, it counts.
     * @param at milliseconds, of a clock that nobody sets
     */
    take(userId: string, request: string, at: number): boolean {
        // Map entries stand in the order in which they came.
        for (const [name, answer] of this.#answered) {
            if (at - answer.at <= rememberedMs) break;
            this.#answered.delete(name);
        }
        const name = JSON.stringify([userId, request]);
        const lately = [...this.#answered.values()].filter((answer) => at - answer.at < minute);
        const ofUser = lately.filter((answer) => answer.userId === userId);
        if (this.#answered.has(name) || lately.length >= mostOfAll || ofUser.length >= mostOfAUser) return false;
        this.#answered.set(name, { userId, at });
        return true;
    }
}
