/**
 * Whether a Megolm session may be handed to a newcomer: the sender's word, in every spelling, against the machine's.
 * Source: Matrix v1.19, `m.room_key` (`shared_history`); MSC4268; MSC3061. Keys inside are plain words, never key
 * material.
 */

/**
 * What the sender's own `m.room_key` said under the specification's name: `absent` if it was silent there,
 * `none` if we never saw one (the session came from an import, a bundle or ourselves).
 */
export const claims = ["true", "false", "absent", "none"] as const;
export type Claim = (typeof claims)[number];

/** `withheld` is a sender's no. `unknown` is in neither list of a bundle: a wrong `withheld` cannot be taken back. */
export const verdicts = ["shareable", "withheld", "unknown"] as const;
export type Verdict = (typeof verdicts)[number];

export interface FlagFacts {
    readonly claim: Claim;
    /** The flag as the machine filed it. */
    readonly machineFlag: boolean;
}

/** What one `m.room_key` says. */
export type SpokenClaim = Exclude<Claim, "none">;

/**
 * The content of a decrypted `m.room_key`, where the machine leaves only the specification's name; what is not a
 * boolean says nothing.
 */
export function readClaim(content: object): SpokenClaim {
    const flag = plainFlag(content);
    return flag === undefined ? "absent" : flag ? "true" : "false";
}

/** The flag of a key export entry: the specification's name decides; between two machine names a `false` does. */
export function readExportFlag(entry: object): boolean | undefined {
    const plain = plainFlag(entry);
    if (plain !== undefined) return plain;
    const flags = machineFlags(entry);
    if (flags.includes(false)) return false;
    return flags.includes(true) ? true : undefined;
}

/** Two claims of one sender about one session: a no is a no, and a yes beats silence. */
export function combineClaims(one: SpokenClaim | undefined, other: SpokenClaim): SpokenClaim {
    return (["false", "true"] as const).find((said) => one === said || other === said) ?? "absent";
}

/**
 * The flags of a session, by all copies that one sender's key brought, in whatever order: what its sender said counts,
 * and where they said nothing to us, what imports say. A no closes, whatever its index; else any yes opens.
 * @param claim undefined: the copy came without an `m.room_key`
 */
export function mergeFlags(
    known: FlagFacts | undefined,
    machineFlag: boolean,
    claim: SpokenClaim | undefined,
): FlagFacts {
    if (known === undefined) return { claim: claim ?? "none", machineFlag };
    const either = known.machineFlag || machineFlag;
    if (claim === undefined)
        return { claim: known.claim, machineFlag: known.claim === "none" ? either : known.machineFlag };
    return known.claim === "none"
        ? { claim, machineFlag }
        : { claim: combineClaims(known.claim, claim), machineFlag: either };
}

/** May this session be shared? `own`: we made it ourselves, so the machine knows the room's visibility at that time. */
export function verdict({ claim, machineFlag }: FlagFacts, own: boolean): Verdict {
    if (own) return machineFlag ? "shareable" : "withheld";
    if (claim === "true" || (machineFlag && claim !== "false")) return "shareable";
    return claim === "none" ? "unknown" : "withheld";
}

function plainFlag(content: object): boolean | undefined {
    return booleanAt(content, "shared_history");
}

function machineFlags(content: object): readonly (boolean | undefined)[] {
    return [booleanAt(content, "m.shared_history"), booleanAt(content, "org.matrix.msc3061.shared_history")];
}

function booleanAt(content: object, name: string): boolean | undefined {
    const value: unknown = Object.hasOwn(content, name) ? Reflect.get(content, name) : undefined;
    return typeof value === "boolean" ? value : undefined;
}
