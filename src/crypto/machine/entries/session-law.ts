import { type FlagFacts, mergeFlags, type Verdict, verdict } from "./flags.ts";

/**
 * How a copy of a session came: in an `m.room_key` (or we made the session), by the operator's import, or in somebody's
 * room key bundle. Of two that reach as far, the one that stands first here counts.
 */
export const sources = ["sent", "import", "bundle"] as const;
export type Source = (typeof sources)[number];

/** A copy of a session that we hold. */
export interface Copy extends FlagFacts {
    readonly source: Source;
    /** Who sent it, or whose bundle it was in; undefined: an import, ourselves, or not known any more. */
    readonly by: string | undefined;
    /** Of what was sent, the key that the machine authenticated; else what the export or the bundle names. */
    readonly senderKey: string;
    /** We made the session. */
    readonly own: boolean;
    /** The first message index that it can decrypt. */
    readonly firstIndex: number;
}

/** All that is known of a session. */
export interface SessionFacts<C extends Copy> {
    readonly copies: readonly C[];
    /** The sender of the earliest known event that bears the session's own signature; undefined: there is none yet. */
    readonly owner: string | undefined;
    /** Who says that its sender keeps it from newcomers: in a bundle, or with a key that the machine could not read. */
    readonly closedBy: readonly string[];
    /** Senders who were never in the room. */
    readonly outsiders: ReadonlySet<string>;
    /** Whether the copy that reaches further back, or as far, leads to the other one. */
    readonly agree: (earlier: C, later: C) => boolean;
}

/** What newcomers get of a session. */
export interface Judgement<C extends Copy> {
    readonly verdict: Verdict;
    /** The copy that counts, and the one whose sender's names go with it; undefined: there are only other people's. */
    readonly chosen: { readonly copy: C; readonly names: C } | undefined;
}

/**
 * Whose word counts for a session, and which of its copies newcomers get. An `m.room_key` is signed by the session and
 * not by its sender, so that whoever was sent it can send it on with a flag of their own: only the events say whose
 * session it is. As long as none is known, it is everybody's who sent it, and a no of anybody who was in the room
 * closes it. Neither the order nor the division into batches matters.
 */
export function judge<C extends Copy>(facts: SessionFacts<C>): Judgement<C> {
    const { owner, outsiders, copies } = facts;
    const inRoom = copies.filter(({ by }) => by === undefined || !outsiders.has(by));
    const closedBy = facts.closedBy.filter((userId) => !outsiders.has(userId));
    const theirs = inRoom.filter(
        (copy) => copy.source === "sent" && (owner === undefined || copy.by === undefined || copy.by === owner),
    );
    if (theirs.length > 0) {
        const isClosed = owner === undefined ? closedBy.length > 0 : closedBy.includes(owner);
        return { verdict: isClosed ? "withheld" : wordOf(theirs), chosen: furthestBack(theirs, inRoom, facts) };
    }
    const handed = inRoom.filter((copy) => copy.source !== "sent" && isGenuine(copy, facts));
    const imports = handed.filter(({ source }) => source === "import");
    const isOpen = handed.some(({ machineFlag }) => machineFlag);
    if (closedBy.length > 0 && !imports.some(({ machineFlag }) => machineFlag))
        return { verdict: "withheld", chosen: undefined };
    return {
        verdict: isOpen ? "shareable" : "unknown",
        chosen: furthestBack(imports.length > 0 ? imports : handed, handed, facts),
    };
}

function wordOf(theirs: readonly Copy[]): Verdict {
    const flags = theirs.reduce<FlagFacts | undefined>(
        (known, { machineFlag, claim }) => mergeFlags(known, machineFlag, claim === "none" ? undefined : claim),
        undefined,
    );
    return flags === undefined
        ? "unknown"
        : verdict(
              flags,
              theirs.some(({ own }) => own),
          );
}

/** The best of these, or one that came another way, names the same sender, and leads to it. */
function furthestBack<C extends Copy>(
    these: readonly C[],
    all: readonly C[],
    { agree }: SessionFacts<C>,
): Judgement<C>["chosen"] {
    const [best] = these.toSorted(byReach);
    if (best === undefined) return undefined;
    const earlier = all
        .filter((copy) => copy.senderKey === best.senderKey && copy.firstIndex < best.firstIndex)
        .toSorted(byReach);
    return { copy: earlier.find((copy) => agree(copy, best)) ?? best, names: best };
}

/**
 * Whatever was sent is the session's own, whoever sent it: the machine has checked its signature, so that one is
 * enough. And the operator is trusted.
 */
function isGenuine<C extends Copy>(copy: C, { copies, agree }: SessionFacts<C>): boolean {
    const fits = (known: C): boolean => (copy.firstIndex <= known.firstIndex ? agree(copy, known) : agree(known, copy));
    const [sent] = copies.filter(({ source }) => source === "sent").toSorted(byReach);
    if (sent !== undefined) return fits(sent);
    const [imported] = copies.filter(({ source }) => source === "import").toSorted(byReach);
    return copy.source === "import" || imported === undefined || fits(imported);
}

function byReach(one: Copy, other: Copy): number {
    return (
        one.firstIndex - other.firstIndex ||
        sources.indexOf(one.source) - sources.indexOf(other.source) ||
        inOrder(one.senderKey, other.senderKey) ||
        inOrder(one.by ?? "", other.by ?? "")
    );
}

function inOrder(one: string, other: string): number {
    return one < other ? -1 : Number(one > other);
}
