import type { HistoryVisibility } from "../matrix/index.ts";
import type { OutgoingRequests } from "./outgoing-requests.ts";
import type { CryptoPort } from "./port.ts";

/** A reason to use a new Megolm session in a room; a later reason is another mark. */
export type RotationMark = string | number;

export interface RoomEncryptionOptions {
    readonly crypto: Pick<CryptoPort, "rotate" | "trackUsers" | "shareRoomKey" | "encryptRoomEvent">;
    readonly outgoing: Pick<OutgoingRequests, "flush" | "claim" | "deliver">;
    /** The room's mark, or undefined if its session may go on. */
    readonly rotationMark: (roomId: string) => RotationMark | undefined;
    /** Clears the mark if it still is this one. */
    readonly clearRotation: (roomId: string, mark: RotationMark) => void;
}

export interface EncryptionRoom {
    /** Who may read what is said now: joined members, and invited ones where the room's visibility gives it to them. */
    readonly members: readonly string[];
    /** As of now: it decides whether our session may later be handed to newcomers. */
    readonly visibility: HistoryVisibility;
}

export interface EncryptedRoomEvent {
    readonly type: "m.room.encrypted";
    readonly content: object;
}

/**
 * Encrypts the bot's own room events with Megolm, one at a time. Source: Matrix v1.19, "Messaging Algorithms",
 * `m.megolm.v1.aes-sha2`.
 */
export class RoomEncryption {
    readonly #options: RoomEncryptionOptions;
    #last: Promise<unknown> = Promise.resolve();

    constructor(options: RoomEncryptionOptions) {
        this.#options = options;
    }

    /**
     * @param room the room as it is when it is asked for, which is anew after each rotation; undefined: nothing may be
     * said there any more
     * @throws if the homeserver was not reached or took no room key; nothing of the event was sent then, and it can be
     * tried again.
     */
    encrypt(
        room: () => EncryptionRoom | undefined,
        roomId: string,
        type: string,
        content: object,
    ): Promise<EncryptedRoomEvent> {
        const result = this.#last.then(() => this.#encrypt(room, roomId, type, content));
        this.#last = result.catch(() => undefined);
        return result;
    }

    async #encrypt(
        room: () => EncryptionRoom | undefined,
        roomId: string,
        type: string,
        content: object,
    ): Promise<EncryptedRoomEvent> {
        const { crypto, outgoing } = this.#options;
        // 1. Somebody left, or the visibility crossed the line: the old session must not see this event.
        //    Who is left, and what the visibility is, is asked only then: the mark and they were recorded together.
        await this.#rotateIfMarked(roomId);
        const now = room();
        if (now === undefined) throw new Error("The room is not one to speak in any more.");
        const { members, visibility } = now;
        // 2. Know everybody's devices. The query goes out with the other requests, and has to be answered before step 3
        //    looks for sessions.
        await crypto.trackUsers(members);
        await outgoing.flush();
        // 3. An Olm session with each device, as far as servers answer.
        await outgoing.claim(members);
        // 4. The room's session to every cross-signed device, before the first event that needs it.
        for (const request of await crypto.shareRoomKey(roomId, members, visibility)) {
            if ((await outgoing.deliver(request)) === undefined)
                throw new Error("The homeserver did not take a room key.");
        }
        // 5. A mark that came meanwhile: once more from the start.
        if (this.#options.rotationMark(roomId) !== undefined) return this.#encrypt(room, roomId, type, content);
        return { type: "m.room.encrypted", content: await crypto.encryptRoomEvent(roomId, type, content) };
    }

    /** The mark is cleared only after the rotation is on disk: a kill in between rotates twice, never not at all. */
    async #rotateIfMarked(roomId: string): Promise<void> {
        const mark = this.#options.rotationMark(roomId);
        if (mark === undefined) return;
        await this.#options.crypto.rotate(roomId);
        this.#options.clearRotation(roomId, mark);
    }
}
