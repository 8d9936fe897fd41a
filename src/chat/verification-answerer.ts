import { randomUUID } from "node:crypto";
import type { CryptoPort, DeviceVerificationRequest } from "../crypto/index.ts";
import { type Homeserver, isAbort } from "../homeserver/index.ts";
import type { RoomEvent, SyncBatch } from "../matrix/index.ts";
import type { Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { AnswerLimits } from "./answer-limits.ts";
import { Rounds } from "./rounds.ts";
import { type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { verificationReason } from "../texts/index.ts";
import { isTimely, type RoomRequest, saidToBot } from "./verification-requests.ts";

export interface VerificationAnswererParts {
    readonly botUserId: string;
    readonly rooms: Pick<Rooms, "room" | "membersWith" | "isDirect">;
    readonly crypto: Pick<CryptoPort, "findVerificationRequests">;
    readonly homeserver: Pick<Homeserver, "sendToDevice" | "sendEvent">;
    readonly sendEncrypted: SendEncrypted;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** Milliseconds, of a clock that nobody sets. */
    readonly monotonic: () => number;
    readonly log: Logger;
}

/** An encrypted event that nobody has read yet. Times of the monotonic clock. */
interface Unread {
    readonly roomId: string;
    readonly event: RoomEvent;
    readonly since: number;
}

/** Milliseconds that an event waits for its key. */
const patienceMs = 60_000;
/** Of a room's events in one batch, the newest. */
const mostOfARoom = 50;
/** Events that wait to be read, the newest: a stranger can send many that nobody can read. */
const mostUnread = 200;
/** Between these others have their turn in the crypto worker: an event takes it 2 ms (measured). */
const readTogether = 10;
/** Whoever waits for longer than these attempts take has given up. */
const attempts = 3;

/**
 * The Rust SDK, and so matrix-js-sdk, has a reason of its own for each standard code (measured): this one's is true.
 */
const cancellation = { code: "m.unknown_method", reason: verificationReason };

/**
 * Cancels every request to verify the bot, at once: it cannot be verified interactively, and a request that nobody
 * answers is waited for. What is to be answered is kept in memory only: a crash loses it, and asking again is easy.
 * Source: Matrix v1.19, `m.key.verification.cancel`.
 */
export class VerificationAnswerer {
    readonly #parts: VerificationAnswererParts;
    readonly #limits = new AnswerLimits();
    #ofDevices: DeviceVerificationRequest[] = [];
    #inRooms: RoomRequest[] = [];
    #unread: Unread[] = [];
    /** Events whose key was not there. */
    #keyless: Unread[] = [];
    readonly #reading = new Rounds(() => this.#readAll());
    readonly #answers = new Set<Promise<void>>();

    constructor(parts: VerificationAnswererParts) {
        this.#parts = parts;
    }

    /** Takes what devices ask; it is answered at the next `wake`. */
    askedByDevices(requests: readonly DeviceVerificationRequest[]): void {
        this.#ofDevices.push(...requests);
    }

    /**
     * Takes what was said to the bot in its direct rooms; what is said in other rooms is not read. It is looked at, and
     * answered, at the next `wake`. Call it when the rooms are recorded.
     */
    askedInRooms(batch: SyncBatch): void {
        const { rooms, botUserId, now, monotonic } = this.#parts;
        for (const [roomId, { timeline }] of batch.joined) {
            const { requests, encrypted } = saidToBot(roomId, timeline.slice(-mostOfARoom), botUserId, now());
            if (requests.length + encrypted.length === 0 || !rooms.isDirect(roomId)) continue;
            this.#inRooms.push(...requests);
            this.#unread.push(...encrypted.map((event) => ({ roomId, event, since: monotonic() })));
        }
        // Keys come with batches: after each, what had none is tried once more.
        const again = this.#keyless.splice(0).filter(({ since }) => monotonic() - since < patienceMs);
        this.#unread = [...again, ...this.#unread].slice(-mostUnread);
    }

    /** Answers what was asked; returns at once. */
    wake(): void {
        if (this.#reading.isStopped) return;
        const { now } = this.#parts;
        for (const request of this.#ofDevices.splice(0)) {
            const { userId, transactionId, sentAt } = request;
            if (isTimely(sentAt, now())) this.#answer(userId, transactionId, () => this.#cancelForDevice(request));
        }
        this.#answerInRooms(this.#inRooms.splice(0));
        if (this.#unread.length > 0) this.#reading.wake();
    }

    async stop(): Promise<void> {
        await this.#reading.stop();
        await Promise.all(this.#answers);
    }

    async #readAll(): Promise<void> {
        const byRoom = Map.groupBy(this.#unread.splice(0), ({ roomId }) => roomId);
        for (const [roomId, unread] of byRoom)
            for (let from = 0; from < unread.length && !this.#reading.isStopped; from += readTogether)
                await this.#read(roomId, unread.slice(from, from + readTogether));
    }

    async #read(roomId: string, unread: readonly Unread[]): Promise<void> {
        const { crypto, botUserId, log } = this.#parts;
        try {
            const events = unread.map(({ event }) => event);
            const { requests, withoutKey } = await crypto.findVerificationRequests(roomId, events);
            this.#keyless.push(...unread.filter(({ event }) => withoutKey.includes(event.eventId)));
            const asked = new Set(requests.filter(({ to }) => to === botUserId).map(({ eventId }) => eventId));
            const found = events.filter(({ eventId }) => asked.has(eventId));
            this.#answerInRooms(found.map(({ eventId, sender: userId }) => ({ roomId, eventId, userId })));
        } catch (error) {
            const facts = { operation: "verification", room: roomId, err: error };
            log.warn(facts, "what was said to the bot in a direct room could not be read");
        }
    }

    #answerInRooms(requests: readonly RoomRequest[]): void {
        for (const request of requests) {
            const { userId, eventId } = request;
            this.#answer(userId, eventId, () => this.#cancelInRoom(request));
        }
    }

    #answer(userId: string, request: string, cancel: () => Promise<void>): void {
        const { monotonic, log } = this.#parts;
        if (!this.#limits.take(userId, request, monotonic())) return;
        const facts = { operation: "verification", user: userId };
        const answer = cancel()
            .then(() => log.info(facts, "cancelled a request to verify the bot"))
            .catch((error: unknown) => {
                if (!isAbort(error))
                    log.warn({ ...facts, err: error }, "a request to verify the bot could not be cancelled");
            })
            .finally(() => this.#answers.delete(answer));
        this.#answers.add(answer);
    }

    async #cancelForDevice({ userId, deviceId, transactionId }: DeviceVerificationRequest): Promise<void> {
        const messages = { [userId]: { [deviceId]: { ...cancellation, transaction_id: transactionId } } };
        const txnId = `backscroll-verification-${randomUUID()}`;
        const body = JSON.stringify({ messages });
        await this.#parts.homeserver.sendToDevice("m.key.verification.cancel", txnId, body, { attempts });
    }

    /** The clients that we know show nobody the reason of a cancellation: in a room it is said as well. */
    async #cancelInRoom({ roomId, eventId }: RoomRequest): Promise<void> {
        const txnId = `backscroll-verification-${eventId}`;
        const relation = { rel_type: "m.reference", event_id: eventId };
        await this.#say(roomId, txnId, "m.key.verification.cancel", { ...cancellation, "m.relates_to": relation });
        const notice = { msgtype: "m.notice", body: verificationReason };
        await this.#say(roomId, `${txnId}-reason`, "m.room.message", notice);
    }

    async #say(roomId: string, txnId: string, type: string, content: object): Promise<void> {
        const { rooms, homeserver, sendEncrypted } = this.#parts;
        const room = rooms.room(roomId);
        if (room?.membership !== "join") return;
        if (room.encryption === "plain") await homeserver.sendEvent(roomId, type, txnId, content);
        else await sendEncrypted(() => speakingRoom(rooms, roomId), roomId, txnId, content, type);
    }
}
