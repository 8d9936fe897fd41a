import { serverOf } from "./identifiers.ts";
import { entriesOf, isIdentifier, isObject } from "./json.ts";

/** Bytes that are taken of one user's part of an answer: 300 devices of an ordinary client have a third of it. */
const mostBytes = 1024 * 1024;

/** Of a key or a signature; they have some ninety letters, and of other algorithms some more. */
const mostText = 4_096;

/**
 * Why a user counts as one whose server has not answered. `left_out`: the answer does not speak of them, and names no
 * server of theirs as absent; `malformed`: it is not what the specification says; `too_much`: more devices or bytes
 * than are taken of one user.
 */
export type KeysFault = "left_out" | "malformed" | "too_much";

/** What may be used of one user's part. */
export interface SiftedPart {
    /** By section of the answer, as JSON text. */
    readonly entries: Readonly<Record<string, string>>;
    readonly fault?: KeysFault;
    /** Something was left out of what was taken. */
    readonly partly?: boolean;
}

/** What may be used of an answer under `/keys/`, or of a part of one. */
export interface SiftedKeys {
    /** By section: each user's entry as JSON text, `"@user:server":...`. */
    readonly entries: ReadonlyMap<string, readonly string[]>;
    /** Servers of users who were asked for that did not answer. */
    readonly absent: ReadonlySet<string>;
    readonly faults: ReadonlyMap<string, KeysFault>;
    /** Users of whom something was malformed, or too much. */
    readonly leftOut: readonly string[];
}

/** Work that yields after each user, so that others can have their turn. */
export type Sifting = Generator<void, SiftedKeys, void>;

/** Sifts an answer user by user. @param siftUser looks at what the answer says of one user */
export function* siftByUser(
    failures: unknown,
    asked: readonly string[],
    siftUser: (userId: string) => SiftedPart,
): Sifting {
    const absent = absentServers(failures, asked);
    const entries = new Map<string, string[]>();
    const faults = new Map<string, KeysFault>();
    const leftOut: string[] = [];
    for (const userId of asked) {
        yield;
        const part = bounded(siftUser(userId));
        if (part.fault !== undefined && !(part.fault === "left_out" && absent.has(serverOf(userId))))
            faults.set(userId, part.fault);
        if (part.partly === true || (part.fault !== undefined && part.fault !== "left_out")) leftOut.push(userId);
        for (const [section, text] of Object.entries(part.entries)) {
            const ofSection = entries.get(section) ?? [];
            entries.set(section, ofSection);
            ofSection.push(`${JSON.stringify(userId)}:${text}`);
        }
    }
    return { entries, absent, faults, leftOut };
}

/** A user of whom nothing can be taken: what they send is more than a bot should carry. */
export const nothingOf = (userId: string, fault: KeysFault): SiftedKeys => ({
    entries: new Map(),
    absent: new Set(),
    faults: new Map([[userId, fault]]),
    leftOut: [userId],
});

/**
 * The text of the answer that these make together. Under `failures`, where the servers stand that did not answer, stand
 * the users with a fault, too: the OlmMachine does not take a user ID for a server's name.
 */
export function keysText(sections: readonly string[], sifted: readonly SiftedKeys[]): string {
    const failures = Object.fromEntries(
        sifted.flatMap(({ absent, faults }): [string, object][] => [
            ...[...absent].map((server): [string, object] => [server, {}]),
            ...[...faults].map(([userId, fault]): [string, object] => [userId, { fault }]),
        ]),
    );
    const bodies = sections.map(
        (section) => `"${section}":{${sifted.flatMap(({ entries }) => entries.get(section) ?? []).join(",")}}`,
    );
    return `{"failures":${[JSON.stringify(failures), ...bodies].join(",")}}`;
}

/** A property of its own, never one of the prototype. */
export function own(section: Readonly<Record<string, unknown>> | undefined, name: string): unknown {
    return section !== undefined && Object.hasOwn(section, name) ? section[name] : undefined;
}

/** An identifier that the strings of the OlmMachine can hold, too: without half of a surrogate pair. */
export function isName(name: string): boolean {
    return isIdentifier(name) && name.isWellFormed();
}

/** Names with short texts, such as keys and signatures are. By hand, as there are some for each device of everybody. */
export function isTexts(value: unknown): value is Record<string, string> {
    return (
        isObject(value) &&
        Object.entries(value).every(
            ([name, text]) => isName(name) && typeof text === "string" && text.length <= mostText,
        )
    );
}

function bounded(part: SiftedPart): SiftedPart {
    const bytes = Object.values(part.entries).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return bytes > mostBytes ? { entries: {}, fault: "too_much" } : part;
}

/** Of the servers that an answer names as failed, those of users who were asked for. */
function absentServers(failures: unknown, asked: readonly string[]): ReadonlySet<string> {
    const servers = new Set(asked.map(serverOf));
    return new Set(entriesOf(failures).flatMap(([server]) => (servers.has(server) ? [server] : [])));
}
