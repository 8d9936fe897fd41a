/**
 * Whether a Megolm session may be handed to a newcomer: the sender's word, in every spelling, against the machine's.
 * Source: Matrix v1.19, `m.room_key` (`shared_history`); MSC4268; MSC3061. Keys inside are plain words, never key material.
 */

/**
 * What the sender's own `m.room_key` said under the specification's name: `absent` if it was silent there,
 * `none` if we never saw one (the session came from an import, a bundle or ourselves).
 */
export type Claim = "true" | "false" | "absent" | "none";

/** `withheld` is a sender's no. `unknown` is in neither list of a bundle: a wrong `withheld` cannot be taken back. */
export type Verdict = "shareable" | "withheld" | "unknown";

export interface FlagFacts {
    readonly claim: Claim;
    /** The flag as the machine filed it. */
    readonly machineFlag: boolean;
}

export interface Sighting {
    /** The first message index that this copy of the session can decrypt. */
    readonly firstIndex: number;
    readonly machineFlag: boolean;
}

/** What one `m.room_key` of a sender says about its session. */
export interface SenderWord {
    readonly claim: Exclude<Claim, "none">;
    /** True if one of the machine's names says so: counts where the machine itself did not file this copy. */
    readonly machineFlag: boolean;
}

/** The content of a decrypted `m.room_key`; what is not a boolean says nothing. */
export function readRoomKey(content: object): SenderWord {
    const flag = plainFlag(content);
    const claim = flag === undefined ? "absent" : flag ? "true" : "false";
    return { claim, machineFlag: machineFlags(content).includes(true) };
}

/** The flag of a key export entry: the specification's name decides; between two machine names a `false` does. */
export function readExportFlag(entry: object): boolean | undefined {
    const plain = plainFlag(entry);
    if (plain !== undefined) return plain;
    const flags = machineFlags(entry);
    if (flags.includes(false)) return false;
    return flags.includes(true) ? true : undefined;
}

/** Two words about one session in one batch: a no is a no, and a yes beats silence. */
export function combineWords(one: SenderWord | undefined, other: SenderWord): SenderWord {
    if (one === undefined) return other;
    const claim = (["false", "true"] as const).find((said) => one.claim === said || other.claim === said) ?? "absent";
    return { claim, machineFlag: one.machineFlag || other.machineFlag };
}

/**
 * The flags of a session after the machine reported it, again or for the first time.
 * A copy that reaches further back wins and brings its flags; otherwise the first word stands, and only silence is filled.
 */
export function mergeFlags(known: (FlagFacts & Sighting) | undefined, seen: Sighting, word: SenderWord | undefined): FlagFacts {
    const claim = word?.claim ?? "none";
    if (known === undefined) return { claim, machineFlag: seen.machineFlag };
    const reachesFurther = seen.firstIndex < known.firstIndex;
    if (reachesFurther && (word !== undefined || known.claim === "none")) return { claim, machineFlag: seen.machineFlag };
    if (known.claim === "none") return { claim, machineFlag: known.machineFlag || word?.machineFlag === true };
    return { claim: known.claim, machineFlag: known.machineFlag };
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
