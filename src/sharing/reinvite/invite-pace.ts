import type { WaitingReason } from "../ledger/steps.ts";

/**
 * A homeserver's limit on invites: a bucket that every invite fills by one and that leaks evenly; what would overflow
 * is refused. The figures are Synapse's defaults, as no API tells a server's own.
 */
export interface Limit {
    readonly perSecond: number;
    readonly burst: number;
    /** What the bot always leaves free, for the next invites of people. */
    readonly spare: number;
    /** Up to this level `shortPatience` is enough: one invite by a human, and the bot's. */
    readonly calm: number;
    /**
     * Milliseconds without a human invite before the bot fills it further: who is in the middle of a series goes first.
     */
    readonly patience: number;
    /** The same where the limits hold that series up, so that its invites lie further apart. */
    readonly heldUpPatience: number;
    readonly reason: WaitingReason;
}

/** `rc_invites.per_room`. */
const roomLimit: Limit = {
    perSecond: 0.3,
    burst: 10,
    spare: 5,
    calm: 2,
    patience: 2_000,
    heldUpPatience: 15_000,
    reason: "reinvite_paced",
};
/** `rc_invites.per_user`: of the person who is invited, in all rooms together. */
const inviteeLimit: Limit = {
    perSecond: 0.003,
    burst: 5,
    spare: 1,
    calm: 2,
    patience: 10_000,
    heldUpPatience: 10_000,
    reason: "invitee_paced",
};
/**
 * `rc_invites.per_issuer` and `rc_message`, of the bot itself: the second is the lower, and what else the bot says
 * counts there too.
 */
const botLimit: Limit = {
    perSecond: 0.2,
    burst: 10,
    spare: 3,
    calm: 10,
    patience: 0,
    heldUpPatience: 0,
    reason: "bot_paced",
};

/** What a person has who invites: the lowest of their limits, `rc_message`. */
const personsLimit = { perSecond: 0.2, burst: 10 } as const;
/** Below this level of it nobody is held up any more. */
const drained = 1;

export const limits = { room: roomLimit, invitee: inviteeLimit, bot: botLimit } as const;

/** Milliseconds without a human invite before any of ours: a series by a client's dialog has shorter gaps. */
const shortPatience = 500;

/** Milliseconds between two of ours in a room, so that they arrive in the order in which they were sent. */
const apart = 200;

/** The longest that a single invite is felt by any of these limits, in milliseconds. */
export const longestMemory = Math.max(
    ...Object.values(limits).map(({ burst, perSecond }) => Math.ceil((burst / perSecond) * 1000)),
);

/** What is known of one bucket. Times are milliseconds since the epoch. */
export interface Bucket {
    /** Every invite that counts here, ours and those of people, in any order. */
    readonly invites: readonly number[];
    /** Those of people, in order. */
    readonly ofPeople: readonly number[];
    /** Undefined: none that still matters. */
    readonly lastByBot: number | undefined;
    /** Older jobs that wait for this very bucket. */
    readonly ahead: number;
}

export interface Turn {
    readonly at: number;
    readonly reason: WaitingReason;
}

/**
 * When the bot may invite without a human ever being refused for it, as far as anybody can foresee: `at` <= `now` means
 * at once.
 */
export function nextTurn(buckets: Readonly<Record<keyof typeof limits, Bucket>>, now: number): Turn {
    const turns = [
        turnOf(limits.room, buckets.room),
        turnOf(limits.invitee, buckets.invitee),
        turnOf(limits.bot, buckets.bot),
    ];
    return turns.reduce((latest, turn) => (turn.at > latest.at ? turn : latest));

    function turnOf(limit: Limit, { invites, ofPeople, lastByBot, ahead }: Bucket): Turn {
        const afterOurs = levelAt(limit, invites, now) + 1 + ahead;
        const room = now + Math.ceil((Math.max(0, afterOurs - (limit.burst - limit.spare)) / limit.perSecond) * 1000);
        const lastByHuman = ofPeople.at(-1);
        const patience = isHeldUp(ofPeople)
            ? limit.heldUpPatience
            : afterOurs > limit.calm
              ? limit.patience
              : shortPatience;
        const quiet = lastByHuman === undefined || limit.patience === 0 ? now : Math.min(lastByHuman, now) + patience;
        const inOrder = lastByBot === undefined || limit !== limits.room ? now : Math.min(lastByBot, now) + apart;
        return { at: Math.max(room, quiet, inOrder), reason: limit.reason };
    }
}

/**
 * Whether these invites came as fast as a person's own limit allows. Their refused attempts, of which nobody tells us,
 * may then fill the room's bucket as well (Synapse charges it before it looks at the other limits), and each invite of
 * ours in between would cost them 3.3 s.
 * @param ofPeople in order
 */
export function isHeldUp(ofPeople: readonly number[]): boolean {
    let heldUp = false;
    for (const { before, after } of levels(personsLimit, ofPeople)) {
        if (before < drained) heldUp = false;
        heldUp ||= after > personsLimit.burst - 1;
    }
    return heldUp;
}

/**
 * How full the bucket is, from 0 to its burst; an invite of the future, which a clock set back leaves behind, counts as
 * made now.
 */
export function levelAt(limit: Limit, invites: readonly number[], now: number): number {
    const made = invites.map((time) => Math.min(time, now)).toSorted((one, other) => one - other);
    const last = [...levels(limit, made)].at(-1);
    return last === undefined ? 0 : leaked(limit, last.after, now - last.at);
}

type Leak = Pick<Limit, "perSecond" | "burst">;

/** How full the bucket is at each of these invites, before it and after it. */
function* levels(
    limit: Leak,
    inOrder: readonly number[],
): Generator<{ readonly at: number; readonly before: number; readonly after: number }> {
    let after = 0;
    let last = Number.NEGATIVE_INFINITY;
    for (const at of inOrder) {
        const before = leaked(limit, after, at - last);
        after = Math.min(limit.burst, before + 1);
        last = at;
        yield { at, before, after };
    }
}

function leaked({ perSecond }: Leak, level: number, milliseconds: number): number {
    return Math.max(0, level - (milliseconds / 1000) * perSecond);
}

/** Longer than this, and it is the slow bucket of the invitee that refuses. Milliseconds. */
const slowBucket = 60_000;
const usualRest = 30_000;
const longestRest = 3_600_000;

/** Milliseconds by which a server's own count of them may be short. */
const grain = 250;

/**
 * What a 429 to the bot's own invite means: the homeserver's word is obeyed, and whoever is polite keeps away twice as
 * long each time, for our count of the bucket was too low.
 * @param retryAfter milliseconds, if the server said so
 * @param refusals in a row before this one
 * @returns which of the buckets has to rest, and for how many milliseconds
 */
export function restAfterRefusal(
    retryAfter: number | undefined,
    refusals: number,
    pace: "polite" | "unlimited",
): { readonly bucket: "room" | "invitee"; readonly rest: number } {
    const asked = (retryAfter ?? usualRest) + grain;
    const wider = Math.min(asked * 2 ** Math.min(refusals + 1, 20), Math.max(asked, longestRest));
    return { bucket: asked > slowBucket ? "invitee" : "room", rest: pace === "polite" ? wider : asked };
}
