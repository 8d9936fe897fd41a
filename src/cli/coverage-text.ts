import type { RoomStatus } from "../control/index.ts";

/** Senders named in a sentence. */
const mostNamed = 5;

/** What the bot covers of a room's history, and what is in the way, a sentence each; none before it was counted. */
export function coverageSentences({ coverage, covers_since, sessions: { missing } }: RoomStatus): readonly string[] {
    if (coverage === null) return [];
    const { reach, events, covered, complete, withheld, withheld_from_bot: refused } = coverage;
    if (reach === "under_way")
        return [
            `covers ${covered} of ${events} encrypted messages found so far; the room's past is still being looked through.`,
        ];
    if (events === 0) return reach === "start" ? ["has no encrypted messages yet."] : [];
    const since =
        complete && reach === "start"
            ? ""
            : covers_since === null
              ? ""
              : `, and at least 95 % of those since ${covers_since.slice(0, 10)}`;
    const known = reach === "start" ? "the" : "the last";
    return [
        `covers ${Math.floor((100 * covered) / events)} % of ${known} ${events} encrypted messages${since}.`,
        ...(withheld === null || withheld === 0 ? [] : [withheldSentence(covered, withheld)]),
        ...(missing === null || missing === 0 || complete
            ? []
            : [
                  `misses the keys of ${count(missing, "session")}: \`backscroll import-keys\` takes them from whoever has them.`,
              ]),
        ...(refused.senders.length === 0
            ? []
            : [
                  `lacks ${count(refused.sessions, "session")} because ${count(refused.senders.length, "sender")} withheld the keys from the bot: ${named(refused.senders)}. ` +
                      "Their clients exclude devices that are not verified, or have blocked the bot.",
              ]),
    ];
}

function withheldSentence(covered: number, withheld: number): string {
    return `can hand on ${covered - withheld} of the ${covered} that it covers: their senders withhold the other ${withheld} from newcomers.`;
}

function count(number: number, noun: string): string {
    return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function named(senders: readonly string[]): string {
    const more = senders.length - mostNamed;
    return senders.slice(0, mostNamed).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
