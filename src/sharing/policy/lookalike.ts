import { skeletons } from "./skeletons.ts";

/** Somebody as people see them in a room. */
export interface Person {
    readonly userId: string;
    readonly displayName?: string;
}

/** Members whose looks are kept at once: what a room of some thousand members needs. */
const mostKept = 20_000;

/** A room's members, of whom it is known when they change. */
export interface Members {
    readonly roomId: string;
    /** Another number for others. */
    readonly revision: number;
    readonly list: () => readonly Person[];
}

interface Kept {
    readonly revision: number;
    /** By user ID and name. */
    readonly looks: ReadonlyMap<string, ReadonlySet<string>>;
    /** Who has each look. */
    readonly members: ReadonlyMap<string, readonly string[]>;
}

/**
 * Finds members for whom people could take somebody: a display name, localpart or whole user ID of the one looks like
 * one of the other. The same localpart on another server is the simplest case. Members are told apart by their IDs
 * alone. A room's members are looked at once until they change, and then only those who did: 10 000 of them take some
 * 100 ms at first.
 */
export class Lookalikes {
    readonly #rooms = new Map<string, Kept>();

    /**
     * @param but whom the invitee may look like
     * @returns a member's user ID; undefined: there is none
     */
    find(invitee: Person, members: Members, but: readonly string[] = []): string | undefined {
        const { members: known } = this.#look(members);
        for (const look of looksOf(invitee)) {
            const found = known.get(look)?.find((userId) => userId !== invitee.userId && !but.includes(userId));
            if (found !== undefined) return found;
        }
        return undefined;
    }

    #look({ roomId, revision, list }: Members): Kept {
        const known = this.#rooms.get(roomId);
        if (known?.revision === revision) return known;
        const looks = new Map<string, ReadonlySet<string>>();
        const byLook = new Map<string, string[]>();
        for (const person of list()) {
            const name = `${person.userId} ${person.displayName ?? ""}`;
            const theirs = known?.looks.get(name) ?? looksOf(person);
            looks.set(name, theirs);
            for (const look of theirs) {
                const same = byLook.get(look);
                if (same === undefined) byLook.set(look, [person.userId]);
                else same.push(person.userId);
            }
        }
        const kept = { revision, looks, members: byLook };
        this.#keep(roomId, kept);
        return kept;
    }

    /** The rooms that were looked at longest ago make room. */
    #keep(roomId: string, kept: Kept): void {
        this.#rooms.delete(roomId);
        let size = kept.looks.size;
        for (const { looks } of this.#rooms.values()) size += looks.size;
        for (const [other, { looks }] of this.#rooms) {
            if (size <= mostKept) break;
            this.#rooms.delete(other);
            size -= looks.size;
        }
        this.#rooms.set(roomId, kept);
    }
}

/** What somebody can be taken for; two people with something in common can be taken for each other. */
function looksOf({ userId, displayName }: Person): ReadonlySet<string> {
    const localpart = userId.slice(1, userId.indexOf(":"));
    return new Set([displayName ?? "", localpart, userId].flatMap(skeletons));
}
