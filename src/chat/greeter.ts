import type { Room, Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Coverage } from "../timeline/index.ts";
import type { Greetings, OwedWord } from "./greetings.ts";
import { Rounds } from "./rounds.ts";
import { type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { correction, greeting, type GreetingFacts, kindOf } from "./texts.ts";

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
    readonly log: Logger;
}

/** Milliseconds. */
const pauseAfterFailure = 60_000;
/** How long after the join a greeting waits for keys that are being taken, and for the room's past to be counted. */
const patienceMs = 30_000;

/**
 * Says hello, encrypted, once in each room; a room that is not encrypted is greeted when it is. A greeting that came
 * before the room was counted promises nothing of the earlier messages. One more message follows it when the first
 * count is done.
 */
export class Greeter {
    readonly #parts: GreeterParts;
    readonly #rounds = new Rounds(() => this.#sayAll());
    /** Rooms where sending failed, with the time before which it is not tried again. */
    readonly #notBefore = new Map<string, number>();

    constructor(parts: GreeterParts) {
        this.#parts = parts;
    }

    /** Looks for what is owed; what failed is tried again at a later call. */
    wake(): void {
        this.#rounds.wake();
    }

    stop(): Promise<void> {
        return this.#rounds.stop();
    }

    async #sayAll(): Promise<void> {
        const { greetings, now, log } = this.#parts;
        for (const owed of greetings.owed()) {
            if (this.#rounds.isStopped) return;
            const { roomId, what } = owed;
            if (this.#rests(roomId)) continue;
            try {
                await this.#say(owed);
            } catch (err) {
                this.#notBefore.set(roomId, now() + pauseAfterFailure);
                if (!this.#rounds.isStopped) log.warn({ room: roomId, err }, `the ${what} was not sent; it is tried again`);
            }
        }
    }

    async #say(owed: OwedWord): Promise<void> {
        const { rooms, sendEncrypted, greetings, now } = this.#parts;
        const { roomId, txnId } = owed;
        const room = rooms.room(roomId);
        if (room === undefined || speakingRoom(rooms, roomId) === undefined) return;
        const body = this.#body(owed, room);
        if (body === undefined) return;
        await sendEncrypted(() => speakingRoom(rooms, roomId), roomId, txnId, { msgtype: "m.notice", body });
        greetings.sent(owed, now());
    }

    /** What there is to say now; undefined: nothing yet. */
    #body({ what, said }: OwedWord, room: Room): string | undefined {
        switch (what) {
            case "greeting": {
                // A try that was cut off may stand in the room: what it left open is left open again, and the
                // correction follows.
                const facts = this.#facts(room, said !== "looking");
                const kind = kindOf(facts);
                if (kind === "looking" && said !== "looking" && this.#isPatientWith(room)) return undefined;
                this.#parts.greetings.prepare(room.roomId, kind);
                return greeting(facts);
            }
            case "correction": {
                const facts = this.#facts(room, true);
                return kindOf(facts) === "counted" ? correction(facts) : undefined;
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

    #rests(roomId: string): boolean {
        const wait = (this.#notBefore.get(roomId) ?? 0) - this.#parts.now();
        return wait > 0 && wait <= pauseAfterFailure;
    }
}
