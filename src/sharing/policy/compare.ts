import type { SharingSettings } from "../../config/index.ts";
import { grounds, type Likelihood, type Weighed } from "../evidence/weigh.ts";

/** What was counted of a room's known encrypted messages. */
export interface Counted {
    /** What became of the search for the beginning, as in `Coverage`. */
    readonly reach: "start" | "under_way" | "cut";
    /** As `Coverage.complete`: 95 % of the whole room, or back to what was given. */
    readonly complete: boolean;
    readonly events: number;
    /** Those that newcomers get from the bot, or that their senders withhold from newcomers. */
    readonly covered: number;
    /** Of the covered: those that are withheld. Nobody can hand them on, so that they count on neither side. */
    readonly withheld: number;
    /**
     * Those not covered that the inviter has not got either: from before the bot's own invite brought the inviter in.
     */
    readonly notTheirs: number;
}

/** Everything that the comparison looks at. */
export interface ComparisonFacts {
    readonly setting: "when_better" | "when_complete";
    readonly thresholds: SharingSettings["reinvite_thresholds"];
    readonly inviter: string;
    /** What is known of the inviter's client. */
    readonly weighed: Weighed;
    /** Whether the bot holds at least one shareable key that a known message uses. */
    readonly usable: "yes" | "no" | "unknown";
    /** Undefined: the room was not counted yet. */
    readonly counted: Counted | undefined;
}

export interface Comparison {
    /** Whether the bot's bundle is better for the invitee than the inviter's may be; "unknown": not counted yet. */
    readonly outcome: "better" | "worse" | "unknown";
    /** Both sides, as a clause for people. */
    readonly sentence: string;
}

/**
 * Which of two bundles is better for an invitee: their client opens only that of whoever invited last.
 * One list: what makes the bot's useless, then what the setting says, then what the inviter's client is known to do.
 * Source: MSC4268, "Actions as a receiving client".
 */
export function compare(given: ComparisonFacts): Comparison {
    const { setting, thresholds, usable, weighed } = given;
    if (usable === "no") {
        const sentence = "the bot holds no key that a known message of this room uses: its bundle would open nothing";
        return { outcome: "worse", sentence };
    }
    if (setting === "when_complete") return compareWithWhole(given.counted);
    const facts = { ...given, counted: upToDate(given) };
    switch (weighed.likelihood) {
        case "no":
        case "hardly":
            // Whatever opens is more than nothing.
            return {
                outcome: usable === "yes" ? "better" : "unknown",
                sentence: `${ourSide(facts, 0)}; ${theirSide(facts)}, so one key that opens anything is enough`,
            };
        case "proven":
        case "likely":
            return compareWithShare(facts, thresholds[weighed.likelihood]);
    }
}

/** As in `Coverage.complete`. */
const whole = 95;

function compareWithWhole(counted: Counted | undefined): Comparison {
    const needed = `sharing.reinvite: when_complete asks for ${whole} %, whoever invites`;
    if (counted === undefined) return { outcome: "unknown", sentence: `${notCounted}; ${needed}` };
    const { complete, reach, covered, events } = counted;
    const ours = `the bot covers ${percentage(covered, events, whole)} % of ${messages(counted, events, "")}`;
    if (complete) {
        const back =
            covered * 100 < whole * events ? `, and ${whole} % or more of those back to what it was given` : "";
        return { outcome: "better", sentence: `${ours}${back}; ${needed}` };
    }
    return { outcome: reach === "under_way" ? "unknown" : "worse", sentence: `${ours}; ${needed}` };
}

/** While the beginning is looked for, nobody knows the whole; where the search was cut, what is known counts. */
function compareWithShare(facts: ComparisonFacts, threshold: number): Comparison {
    const { counted } = facts;
    const sides = `${ourSide(facts, threshold)}; ${theirSide(facts)}, so ${threshold} %`;
    if (counted === undefined || counted.reach === "under_way")
        return { outcome: "unknown", sentence: `${sides} have to be reached` };
    const { ours, all } = comparable(counted);
    const isEnough = ours > 0 && ours * 100 >= threshold * all;
    return isEnough
        ? { outcome: "better", sentence: `${sides} are enough` }
        : { outcome: "worse", sentence: `${sides} would be needed` };
}

/** A count that knows of nothing to hand on, where a key is of use by now, is about to be made anew. */
function upToDate({ usable, counted }: ComparisonFacts): Counted | undefined {
    return counted !== undefined && usable === "yes" && comparable(counted).ours === 0 ? undefined : counted;
}

function comparable({ events, covered, withheld, notTheirs }: Counted): {
    readonly ours: number;
    readonly all: number;
} {
    return { ours: covered - withheld, all: events - withheld - notTheirs };
}

const notCounted = "the room's messages are still being counted";

function ourSide({ counted, inviter }: ComparisonFacts, threshold: number): string {
    if (counted === undefined) return notCounted;
    const { ours, all } = comparable(counted);
    const { reach, withheld, notTheirs } = counted;
    const which = messages(counted, all, withheld > 0 ? "shareable" : "");
    const share = `the bot can hand on ${ours} of ${which} (${percentage(ours, all, threshold)} %)`;
    const left = notTheirs > 0 ? `, not counting ${notTheirs} from before its own invite brought ${inviter} in` : "";
    return `${reach === "under_way" ? "the room's beginning is still looked for, and so far " : ""}${share}${left}`;
}

function messages({ reach }: Counted, count: number, kind: string): string {
    const known = reach === "start" ? "" : "known";
    return ["the room's", count, known, kind, count === 1 ? "message" : "messages"]
        .filter((word) => word !== "")
        .join(" ");
}

function theirSide({ inviter, weighed: { likelihood, because } }: ComparisonFacts): string {
    return `${inviter}'s client ${does[likelihood]} (${grounds[because]})`;
}

const does: Readonly<Record<Likelihood, string>> = {
    no: "cannot share history",
    proven: "shares history",
    hardly: "is unlikely to share history",
    likely: "is likely to share history",
};

/**
 * Rounded down, so that it never reads as more than it is: to whole ones, or to hundredths beside a decimal threshold.
 */
function percentage(part: number, all: number, threshold: number): number {
    const parts = Number.isInteger(threshold) ? 1 : 100;
    return all === 0 ? 0 : Math.floor((part * 100 * parts) / all) / parts;
}
