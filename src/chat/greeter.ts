import type { RoomHoldings } from "../crypto/index.ts";
import type { Room, Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Greetings } from "./greetings.ts";
import { type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { greeting } from "./texts.ts";

export interface GreeterParts {
    readonly botUserId: string;
    readonly greetings: Greetings;
    readonly rooms: Pick<Rooms, "room" | "canInvite" | "membersWith">;
    readonly holdings: (roomId: string) => Promise<RoomHoldings>;
    /** What is covered of a room; undefined: it was not counted yet. Times in milliseconds since the epoch. */
    readonly coverage: (roomId: string) => { readonly reach: string; readonly coversSince: number | undefined } | undefined;
    /** Whether keys that somebody gave the bot with its invite are being taken. */
    readonly takesKeys: (roomId: string) => boolean;
    readonly sendEncrypted: SendEncrypted;
    readonly now: () => number;
    readonly log: Logger;
}

/** Milliseconds. */
const pauseAfterFailure = 60_000;
/** How long after the join a greeting waits for keys that are being taken, and for the room's past to be looked through, if there are keys for it. */
const patienceMs = 30_000;

/** Says hello, encrypted, once in each room. A room that is not encrypted is greeted when it is. */
export class Greeter {
    readonly #parts: GreeterParts;
    #round: Promise<void> | undefined;
    /** Rooms whose greeting failed, with the time before which it is not tried again. */
    readonly #notBefore = new Map<string, number>();
    #stopped = false;

    constructor(parts: GreeterParts) {
        this.#parts = parts;
    }

    /** Looks for owed greetings; a round under way is not doubled, and a failed one is tried again at the next call. */
    wake(): void {
        if (this.#stopped) return;
        this.#round ??= this.#greetAll().finally(() => {
            this.#round = undefined;
        });
    }

    async stop(): Promise<void> {
        this.#stopped = true;
        await this.#round;
    }

    async #greetAll(): Promise<void> {
        for (const { roomId, txnId } of this.#parts.greetings.owed()) {
            if (this.#stopped) return;
            if ((this.#notBefore.get(roomId) ?? 0) > this.#parts.now()) continue;
            try {
                await this.#greet(roomId, txnId);
            } catch (error) {
                this.#notBefore.set(roomId, this.#parts.now() + pauseAfterFailure);
                if (!this.#stopped) this.#parts.log.warn({ room: roomId, err: error }, "the greeting could not be sent; it is tried again");
            }
        }
    }

    async #greet(roomId: string, txnId: string): Promise<void> {
        const { rooms, botUserId, holdings, sendEncrypted, greetings, takesKeys, now } = this.#parts;
        if (speakingRoom(rooms, roomId) === undefined) return;
        const { shareable } = await holdings(roomId);
        const room = rooms.room(roomId);
        if (room === undefined) return;
        const patient = now() - (room.joinedAt ?? 0) < patienceMs;
        if (patient && (takesKeys(roomId) || (shareable > 0 && this.#isBeingLookedThrough(roomId)))) return;
        const since = this.#since(room);
        const body = greeting({ visibility: room.visibility, canInvite: rooms.canInvite(roomId, botUserId), shareable, since });
        await sendEncrypted(() => speakingRoom(rooms, roomId), roomId, txnId, { msgtype: "m.notice", body });
        greetings.sent(roomId, now());
    }

    #isBeingLookedThrough(roomId: string): boolean {
        return (this.#parts.coverage(roomId)?.reach ?? "under_way") === "under_way";
    }

    #since({ roomId, joinedAt = 0 }: Room): string | undefined {
        const since = this.#parts.coverage(roomId)?.coversSince;
        return since === undefined || since >= joinedAt ? undefined : new Date(since).toISOString().slice(0, 10);
    }
}
