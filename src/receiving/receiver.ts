import {
    type CryptoPort,
    hasSignedDevice,
    type OfferedBundle,
    type TakenBundle,
    type UserKeys,
} from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import { Due, type DueItem, type Outcome, type RunningClock, WaitsInMemory } from "../due/index.ts";
import { type Homeserver, isAbort, problemOf, retryAfterOf } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { announcedWithin, distrust } from "./judge.ts";
import type { BundleReason } from "./reasons.ts";
import { type BundleChange, bundleSentence, type ReceivedBundle, type ReceivedBundles } from "./received-bundles.ts";

/** Bytes: more than the usual homeserver takes, some 100 000 keys. */
const largestFile = 64 * 1024 * 1024;
/** Rooms whose bundles are looked at, downloaded or taken at once. */
const atOnce = 3;
/** Milliseconds after a look in vain. */
const pace = { first: 10_000, longest: 600_000 } as const;
/** Milliseconds after the join at which homeservers that do not answer are given up. */
const waitedFor = 7 * 24 * 3_600_000;

export interface ReceiverParts {
    /** Opened with `receivingSchema`. */
    readonly database: Database;
    readonly bundles: ReceivedBundles;
    readonly crypto: Pick<CryptoPort, "bundleOfferers" | "offeredBundle" | "takeBundle" | "forgetOffer">;
    readonly homeserver: Pick<Homeserver, "getMedia">;
    /** The user's identity and devices as their homeserver says now; undefined: it could not be reached. */
    readonly refreshKeys: (userId: string) => Promise<UserKeys | undefined>;
    /** Somebody who can send bundles invited the bot, and announced none in time. Inside a transaction. */
    readonly noBundleCame: (inviter: {
        readonly roomId: string;
        readonly userId: string;
        readonly invitedAfter: number;
    }) => void;
    /** The master key that the bot first saw of a user: this one if it has seen none. Inside a transaction. */
    readonly pin: (userId: string, masterKey: string) => string;
    /** The room has more keys now. */
    readonly keysCame: (roomId: string) => Promise<void>;
    /** A room was looked at. */
    readonly looked: () => void;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    readonly clock: Pick<RunningClock, "now" | "ran">;
    /** In [0, 1). */
    readonly random: () => number;
    readonly log: Logger;
}

type WaitingBundle = ReceivedBundle & { readonly key: string };
/**
 * Takes the room key bundle of whoever invited the bot into a room, and of nobody else (MSC4268): the one that is here
 * when the bot joins, or comes within 24 hours. What waits is a row: a kill anywhere repeats the step, and taking a
 * bundle twice changes nothing.
 */
export class BundleReceiver {
    readonly #parts: ReceiverParts;
    readonly #waits: WaitsInMemory<WaitingBundle>;
    readonly #due: Due<WaitingBundle & DueItem>;
    readonly #underWay = new Set<string>();
    /** By room: of whose bundles the log has said that they stay unopened. They can announce ten a second. */
    readonly #told = new Map<string, string>();
    /** Rooms of which something was announced while they were looked at. */
    readonly #newsOf = new Set<string>();
    readonly #stopping = Promise.withResolvers<undefined>();
    /** Files are downloaded and taken one after the other, as each may be in memory as a whole. */
    #files: Promise<unknown> = Promise.resolve();
    #stopped = false;

    constructor(parts: ReceiverParts) {
        this.#parts = parts;
        const { bundles, clock, log, random } = parts;
        this.#waits = new WaitsInMemory(() => bundles.waiting().map((row) => ({ ...row, key: nameOf(row) })));
        const { due, nextAt, record } = this.#waits.answers;
        this.#due = new Due({
            name: "the taking of room key bundles",
            atOnce,
            pace,
            log,
            now: () => clock.now(),
            random,
            // An inviter whose server is slow, and who brings the bot into many rooms, holds up nobody else's for long.
            due: (at) =>
                due(at)
                    .filter(({ roomId }) => !this.#underWay.has(roomId))
                    .toSorted((one, other) => one.failures - other.failures),
            nextAt,
            record: (item, later) => {
                record(item, later);
                if (this.#newsOf.delete(item.roomId)) this.#waits.hurry(item.key);
            },
            work: (row) => this.#lookAndTell(row),
        });
    }

    /** Looks at what is due, and returns at once; to be called after every batch. */
    wake(): void {
        this.#due.wake();
    }

    /**
     * Bundles of these rooms were announced, among other news: the wait for an announcement ends. A wait after a
     * failure stands: anybody can announce things without end, and each look asks homeservers.
     */
    announced(roomIds: readonly string[]): void {
        for (const roomId of roomIds) {
            const row = this.#parts.bundles.of(roomId);
            if (row?.state === "waiting") this.#waits.hurry(nameOf(row));
            if (this.#underWay.has(roomId)) this.#newsOf.add(roomId);
        }
        this.wake();
    }

    /** Whether it is being found out, at this moment, what the room's inviter gave us. */
    isLookingAt(roomId: string): boolean {
        return this.#underWay.has(roomId);
    }

    /**
     * Starts nothing more, and resolves when nothing is under way; abort the requests themselves through the functions
     * given.
     */
    async stop(): Promise<void> {
        this.#stopped = true;
        this.#stopping.resolve(undefined);
        await this.#due.stop();
    }

    async #lookAndTell(row: ReceivedBundle): Promise<Outcome> {
        this.#underWay.add(row.roomId);
        try {
            return await this.#look(row);
        } catch (error) {
            if (isAbort(error)) throw error;
            return await this.#failed(row, error);
        } finally {
            this.#underWay.delete(row.roomId);
            this.#parts.looked();
        }
    }

    /** The steps of a client that was invited, in order; each may be repeated. */
    async #look(row: ReceivedBundle): Promise<Outcome> {
        const { crypto, refreshKeys } = this.#parts;
        const { roomId, inviter } = row;
        // 1. Announced by whoever invited us? What others announce stays unopened.
        if ((await crypto.offeredBundle(roomId, inviter)) === undefined) return await this.#nothingYet(row);

        // 2. Whose device was that? As their homeserver says now.
        if ((await refreshKeys(inviter)) === undefined) return await this.#later(row, "unreachable", waitedFor);
        const offer = await crypto.offeredBundle(roomId, inviter);
        if (offer === undefined) return await this.#nothingYet(row);
        const reason = distrust(offer, {
            joinedAt: row.joinedAt,
            pinned: this.#pinned(inviter, offer),
            now: this.#parts.now(),
        });
        if (reason === "late") return await this.#settle(row, { state: "not_taken", reason });
        if (reason !== undefined) return await this.#later(row, reason, announcedWithin);

        const file = this.#files.then(() => this.#take(row, offer.url));
        this.#files = file.catch(() => undefined);
        return await file;
    }

    async #take(row: ReceivedBundle, url: string): Promise<Outcome> {
        const { crypto, homeserver } = this.#parts;
        const { roomId, inviter: sender } = row;
        if (this.#stopped) return { is: "unready" };
        // 3. The file, bounded before and while it is read.
        const ciphertext = await homeserver.getMedia(url, largestFile);

        // 4. What is in it; then the row: a kill between the two takes it once more.
        const taking = crypto.takeBundle({ roomId, sender, url, ciphertext });
        // A large one takes longer than a stop may: it is left in the middle, and taken once more after the next start.
        const taken = await Promise.race([taking, this.#stopping.promise]);
        return taken === undefined ? { is: "unready" } : await this.#took(row, taken);
    }

    async #nothingYet(row: ReceivedBundle): Promise<Outcome> {
        const { clock, crypto, log } = this.#parts;
        const others = await crypto.bundleOfferers(row.roomId);
        const told = others.join(" ");
        if (others.length > 0 && this.#told.get(row.roomId) !== told)
            log.info(
                { operation: "received_bundle", room: row.roomId, users: others, inviter: row.inviter },
                "left room key bundles unopened: they are not of whoever invited the bot",
            );
        this.#told.set(row.roomId, told);
        if (this.#isOver(row, announcedWithin)) return await this.#noneCame(row);
        return { is: "waits", until: clock.now() + row.joinedRan + announcedWithin - clock.ran() };
    }

    /** The wait ends, once it is known whether they could have sent one: that says something of their client. */
    async #noneCame(row: ReceivedBundle): Promise<Outcome> {
        const { bundles, database, noBundleCame } = this.#parts;
        const { roomId, inviter: userId, invitedAfter } = row;
        const keys = invitedAfter === undefined ? undefined : await this.#keysOf(userId);
        if (invitedAfter !== undefined && keys === undefined && !this.#isOver(row, waitedFor)) return { is: "failed" };
        database.transaction(() => {
            const expired = bundles.expire(row);
            if (expired && invitedAfter !== undefined && keys !== undefined && hasSignedDevice(keys))
                noBundleCame({ roomId, userId, invitedAfter });
        });
        return { is: "done" };
    }

    /** Undefined: nobody could be asked, now. */
    async #keysOf(userId: string): Promise<UserKeys | undefined> {
        try {
            return await this.#parts.refreshKeys(userId);
        } catch (error) {
            if (problemOf(error) === undefined) throw error;
            return undefined;
        }
    }

    /** Whether so many milliseconds have passed since the join. */
    #isOver({ joinedRan }: ReceivedBundle, after: number): boolean {
        return this.#parts.clock.ran() - joinedRan >= after;
    }

    #pinned(inviter: string, { masterKey, crossSigned }: OfferedBundle): string | undefined {
        const { database, pin } = this.#parts;
        return masterKey === null || !crossSigned ? undefined : database.transaction(() => pin(inviter, masterKey));
    }

    async #took(row: ReceivedBundle, taken: TakenBundle): Promise<Outcome> {
        switch (taken.outcome) {
            case "replaced":
                // At once for ever, if its giver has another one ready each time.
                return { is: "failed" };
            case "hash_mismatch":
                return await this.#settle(row, { state: "not_taken", reason: taken.outcome });
            case "malformed":
                await this.#settle(row, { state: "not_taken", reason: taken.outcome });
                // What stood before the place where it breaks off is taken.
                await this.#parts.keysCame(row.roomId);
                return { is: "done" };
            case "taken": {
                const { keys, refused, taken: news, withheld } = taken;
                const facts = {
                    operation: "received_bundle",
                    room: row.roomId,
                    user: row.inviter,
                    keys,
                    refused,
                    news,
                    withheld,
                };
                this.#parts.log.info(facts, "took the room key bundle of whoever invited the bot");
                await this.#settle(row, { state: "taken", keys: keys - refused, withheld });
                await this.#parts.keysCame(row.roomId);
                return { is: "done" };
            }
        }
    }

    async #failed(row: ReceivedBundle, error: unknown): Promise<Outcome> {
        const problem = problemOf(error)?.kind;
        if (problem === "not_found") return await this.#settle(row, { state: "not_taken", reason: "media_gone" });
        if (problem === "too_large") return await this.#settle(row, { state: "not_taken", reason: "too_large" });
        const facts = { operation: "received_bundle", room: row.roomId, user: row.inviter, err: error };
        this.#parts.log.warn(facts, "could not take a room key bundle; it is tried again");
        // A fault of our own, a full disk say, is no reason to give up.
        if (problem === undefined) return { is: "failed" };
        return await this.#later(row, "unreachable", waitedFor, retryAfterOf(error));
    }

    /** Looked at again after a while, until so many milliseconds after the join. */
    async #later(row: ReceivedBundle, reason: BundleReason, until: number, retryAfterMs?: number): Promise<Outcome> {
        if (this.#isOver(row, until)) return await this.#settle(row, { state: "not_taken", reason });
        if (row.reason !== reason) this.#write(row, { reason });
        return { is: "failed", retryAfterMs };
    }

    async #settle(row: ReceivedBundle, change: BundleChange): Promise<Outcome> {
        const changed = this.#write(row, change);
        // What others announced stays: one of them may invite the bot again.
        if (changed) await this.#parts.crypto.forgetOffer(row.roomId, row.inviter);
        return { is: "done" };
    }

    /** Answers whether the row is still this one. */
    #write(row: ReceivedBundle, change: BundleChange): boolean {
        const { bundles, database, log, now } = this.#parts;
        const changed = database.transaction(() => bundles.change(row, change, now()));
        const { reason } = change;
        if (changed && reason !== undefined) {
            const message = bundleSentence({ ...row, state: "waiting", ...change }) ?? "";
            log.warn({ operation: "received_bundle", room: row.roomId, user: row.inviter, reason }, message);
        }
        return changed;
    }
}

function nameOf({ roomId, joinedAt }: ReceivedBundle): string {
    return `${roomId} ${joinedAt}`;
}
