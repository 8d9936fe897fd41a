import type { HeldSession } from "../crypto/index.ts";
import { each, type InPieces } from "./in-pieces.ts";
import type { SessionUse } from "./session-uses.ts";

/** Milliseconds by which a sender's homeserver may be behind our clock. */
const clockSkew = 300_000;

/**
 * Whether one of these sessions, all of one sender, was used before this time (milliseconds since the epoch), and its
 * sender has given the bot its key as one that newcomers may have. From which message on the bot has it does not
 * matter: its sender has it from the first.
 */
export function* flaggedBefore(
    uses: readonly SessionUse[],
    held: ReadonlyMap<string, Pick<HeldSession, "verdict" | "given">>,
    before: number,
): InPieces<boolean> {
    let found = false;
    yield* each(uses, ({ sessionId, firstAt }) => {
        const session = held.get(sessionId);
        found ||= session?.verdict === "shareable" && !session.given && firstAt < before - clockSkew;
    });
    return found;
}
