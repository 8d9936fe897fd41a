import unhomoglyph from "unhomoglyph";

/** Somebody as people see them in a room. */
export interface Person {
    readonly userId: string;
    readonly displayName?: string;
}

/** What somebody can be taken for; two people with something in common can be taken for each other. */
export type Looks = (person: Person) => ReadonlySet<string>;

/**
 * The member for whom people could take the invitee: a display name, localpart or whole user ID of the one looks like one of the other.
 * The same localpart on another server is the simplest case. Members are told apart by their IDs alone.
 * @returns that member's user ID; undefined: there is none
 */
export function resembledMember(invitee: Person, members: Iterable<Person>, looks: Looks = looksOf): string | undefined {
    const own = looks(invitee);
    for (const member of members) {
        if (member.userId === invitee.userId) continue;
        for (const look of looks(member)) if (own.has(look)) return member.userId;
    }
    return undefined;
}

/** People whose looks are kept at once: what a room of some thousand members needs. */
const mostKept = 20_000;

/** `looksOf` that remembers: the members of a large room are looked at again for each invitee (10 000 of them take 70 ms, remembered 3). */
export function rememberLooks(): Looks {
    const kept = new Map<string, ReadonlySet<string>>();
    return (person) => {
        const name = `${person.userId} ${person.displayName ?? ""}`;
        const known = kept.get(name);
        if (known !== undefined) return known;
        if (kept.size >= mostKept) kept.clear();
        const looks = looksOf(person);
        kept.set(name, looks);
        return looks;
    };
}

function looksOf({ userId, displayName }: Person): ReadonlySet<string> {
    const localpart = userId.slice(1, userId.indexOf(":"));
    return new Set([displayName ?? "", localpart, userId].flatMap(skeletons));
}

/**
 * What a name looks like: names with a skeleton in common can be taken for each other. None for a name that shows nothing.
 * Beyond the standard: compatibility forms (a name in bold mathematical letters), accents, and whatever a name can be dressed up with
 * (spaces, punctuation, symbols) do not tell people apart.
 * Source: Unicode Technical Standard 39, section 4, "Confusable Detection".
 */
export function skeletons(name: string): readonly string[] {
    const visible = name.normalize("NFKD").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
    // A capital I looks like l, and is the same letter as i: each counts.
    return [visible, visible.toLowerCase()].map((text) => undressed(unhomoglyph(text).toLowerCase())).filter((skeleton) => skeleton !== "");
}

function undressed(text: string): string {
    const plain = text.replace(/[\p{Z}\p{C}\s\u2800]/gu, "").replace(/[\u0300-\u036f]/gu, "");
    const bare = plain.replace(/[\p{P}\p{S}]/gu, "");
    // Of a name that is one emoji, the emoji is the name.
    return bare === "" ? plain : bare;
}
