import { Due, type DueItem, type Outcome, WaitsInMemory } from "../due/index.ts";
import { isAbort } from "../failures/index.ts";
import { retryAfterOf } from "../homeserver/index.ts";
import type { Room, Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Coverage } from "../timeline/index.ts";
import type { Greetings, OwedWord } from "./greetings.ts";
import { canSpeakIn, type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { correction, greeting, type GreetingFacts, type GreetingKind, kindOf } from "../texts/index.ts";

export interface GreeterParts {
    readonly botUserId: string;
    readonly greetings: Greetings;
    readonly rooms: Pick<Rooms, "room" | "canInvite" | "membersWith">;
    /**
     * What the last count found of a room; undefined: there was none yet, or something changed since. Times in
     * milliseconds since the epoch.
     */
    readonly coverage: (roomId: string) => Pick<Coverage, "reach" | "coversSince" | "events" | "covered"> | undefined;
    /** Whether keys that somebody gave the bot with its invite are being taken. */
    readonly takesKeys: (roomId: string) => boolean;
    /** From this share of the known messages on a room is well served, 0 to 1. */
    readonly enough: (roomId: string) => number;
    readonly inviting: (roomId: string) => GreetingFacts["inviting"];
    readonly sendEncrypted: SendEncrypted;
    readonly now: () => number;
    /** Milliseconds, of a clock that never jumps. */
    readonly monotonic: () => number;
    /** In [0, 1). */
    readonly random: () => number;
    readonly log: Logger;
}

/** What is to be said in a room. */
interface Words {
    readonly key: string;
    readonly owed: OwedWord;
    /** Of a greeting. */
    readonly kind: GreetingKind | undefined;
    readonly body: string;
}

/** Rooms that are spoken to at once: one whose homeserver is slow holds up no other. */
const roomsAtOnce = 4;
/** Milliseconds after which what could not be sent is tried again. */
const pace = { first: 60_000, longest: 3_600_000 } as const;
/** How long after the join a greeting waits for keys that are being taken, and for the room's past to be counted. */
const patienceMs = 30_000;

/**
 * Says hello, encrypted, once in each room; a room that is not encrypted is greeted when it is. A greeting that came
 * before the room was counted promises nothing of the earlier messages. One more message follows it when the first
 * count is done.
 */
export class Greeter {
    readonly #parts: GreeterParts;
    readonly #due: Due<Words & DueItem>;

    constructor(parts: GreeterParts) {
        this.#parts = parts;
        const { greetings, log, monotonic, random } = parts;
        const waits = new WaitsInMemory(() => greetings.owed().flatMap((owed) => this.#words(owed) ?? []));
        this.#due = new Due({
            name: "the greetings",
            atOnce: roomsAtOnce,
            pace,
            log,
            now: monotonic,
            random,
            ...waits.answers,
            work: (words) => this.#sayOrTell(words),
        });
    }

    /** Looks for what is owed. */
    wake(): void {
        this.#due.wake();
    }

    stop(): Promise<void> {
        return this.#due.stop();
    }

    async #sayOrTell(words: Words): Promise<Outcome> {
        const { roomId, what } = words.owed;
        try {
            await this.#say(words);
            return { is: "done" };
        } catch (err) {
            if (isAbort(err)) throw err;
            this.#parts.log.warn({ room: roomId, err }, `the ${what} was not sent; it is tried again`);
            return { is: "failed", retryAfterMs: retryAfterOf(err) };
        }
    }

    async #say({ owed, kind, body }: Words): Promise<void> {
        const { rooms, sendEncrypted, greetings, now } = this.#parts;
        const { roomId, txnId } = owed;
        if (kind !== undefined) greetings.prepare(roomId, kind);
        await sendEncrypted(() => speakingRoom(rooms, roomId), roomId, txnId, { msgtype: "m.notice", body });
        greetings.sent(owed, now());
    }

    /** What there is to say now; undefined: nothing yet. */
    #words(owed: OwedWord): Words | undefined {
        const room = this.#parts.rooms.room(owed.roomId);
        if (room === undefined || !canSpeakIn(room)) return undefined;
        const key = owed.roomId;
        switch (owed.what) {
            case "greeting": {
                // A try that was cut off may stand in the room: what it left open is left open again, and the
                // correction follows.
                const facts = this.#facts(room, owed.said !== "looking");
                const kind = kindOf(facts);
                if (kind === "looking" && owed.said !== "looking" && this.#isPatientWith(room)) return undefined;
                return { key, owed, kind, body: greeting(facts) };
            }
            case "correction": {
                const facts = this.#facts(room, true);
                return kindOf(facts) === "counted"
                    ? { key, owed, kind: undefined, body: correction(facts) }
                    : undefined;
            }
        }
    }

    #facts(room: Room, mayBeCounted: boolean): GreetingFacts {
        const { rooms, botUserId, enough, inviting, takesKeys } = this.#parts;
        return {
            visibility: room.visibility,
            canInvite: rooms.canInvite(room.roomId, botUserId),
            past: mayBeCounted && !takesKeys(room.roomId) ? this.#past(room) : undefined,
            enough: enough(room.roomId),
            inviting: inviting(room.roomId),
        };
    }

    #past({ roomId, joinedAt = 0 }: Room): GreetingFacts["past"] {
        const coverage = this.#parts.coverage(roomId);
        if (coverage === undefined || coverage.reach === "under_way") return undefined;
        const { events, covered, coversSince, reach } = coverage;
        const isEarlier = coversSince !== undefined && coversSince < joinedAt;
        const since = isEarlier ? new Date(coversSince).toISOString().slice(0, 10) : undefined;
        return { events, covered, since, cut: reach === "cut" };
    }

    #isPatientWith({ joinedAt = 0 }: Room): boolean {
        const waited = this.#parts.now() - joinedAt;
        // A join to come is that of a clock that was set back since.
        return waited >= 0 && waited < patienceMs;
    }
}
