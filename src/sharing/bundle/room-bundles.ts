import type { RunningClock } from "../../due/index.ts";
import { createHash } from "node:crypto";
import type { CryptoPort, EncryptedBundle, PackedTimes, ShareableSet } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import { type Homeserver, isTransient, problemOf } from "../../homeserver/index.ts";
import type { ConcurrencyLimit } from "../concurrency/concurrency-limit.ts";
import type { BundleContents, BundleFile, BundleFiles } from "./bundle-files.ts";
import { encryptedFile, type FileSecrets, newFileSecrets, secretsOf } from "./encrypted-file.ts";
import type { FactSources } from "../policy/facts.ts";
import { Halt } from "../policy/halt.ts";

export interface RoomBundleParts {
    readonly database: Database;
    readonly files: BundleFiles;
    readonly facts: Pick<FactSources, "policy" | "rooms">;
    /** When the sessions of a room were first used, as far as its timeline is known. */
    readonly sessionTimes: (roomId: string) => Promise<PackedTimes>;
    /** Another text after each change of them. */
    readonly timesVersion: (roomId: string) => string;
    readonly crypto: Pick<CryptoPort, "shareableSet" | "buildBundle">;
    readonly homeserver: Pick<Homeserver, "createMedia" | "putMedia" | "mediaExists" | "uploadLimit">;
    /** Rooms whose bundles are built and uploaded at once. */
    readonly building: ConcurrencyLimit;
    readonly now: () => number;
    readonly clock: Pick<RunningClock, "now">;
}

/**
 * Milliseconds after which a file is replaced, whatever else; where an age limits what is in it, its oldest sessions
 * grow too old meanwhile.
 */
const longestUse = 24 * 3_600_000;
const longestUseWithAge = 3_600_000;
/** Milliseconds after which the homeserver is asked whether it still has a file. */
const believedFor = 600_000;
/** Bytes from which the server's limit matters: no server refuses less. */
const worthAsking = 1_048_576;

/** What a file is made by, beside its sessions. */
interface Rules {
    readonly outsiders: readonly string[];
    readonly times: string;
    readonly maxSessions: number;
    readonly maxAge: number | null;
    /** Of these, the ones that people set. */
    readonly settings: string;
}

/** How far a look at a room's set is. */
interface Look {
    /** What comes now is not in it. */
    over: boolean;
}

interface Making {
    readonly file: Promise<BundleFile>;
    readonly look: Look;
    /** For who comes after the look. */
    next?: Promise<BundleFile>;
}

/**
 * One encrypted file for each room, which serves every invitee while the room's shareable set and the rules are
 * unchanged. Who may have its key is decided before this is asked, and again after.
 */
export class RoomBundles {
    readonly #parts: RoomBundleParts;
    /** Rooms whose file is being made or looked at. */
    readonly #making = new Map<string, Making>();

    constructor(parts: RoomBundleParts) {
        this.#parts = parts;
    }

    /**
     * The room's file as of now, in the media repository. Safe to run again after any crash: the place and the key are
     * kept before the upload, and what arrived is not uploaded again.
     * @throws Halt nothing_to_share
     */
    current(roomId: string): Promise<BundleFile> {
        const making = this.#making.get(roomId);
        if (making === undefined) return this.#begin(roomId);
        if (!making.look.over) return making.file;
        // Keys may have come since, and an upload may take minutes. Whoever comes meanwhile shares the next look.
        const again = (): Promise<BundleFile> => this.current(roomId);
        making.next ??= making.file.then(again, again);
        return making.next;
    }

    /**
     * The room's newest file, as it is, whatever has come since; undefined: none was made by the rules of now that may
     * still be used.
     */
    newest(roomId: string): BundleFile | undefined {
        const { files, now } = this.#parts;
        const { settings, maxAge } = this.#settings(roomId);
        const file = files.newest(roomId, settings);
        return file !== undefined && within(now() - file.reservedAt, longestUseOf(maxAge)) ? file : undefined;
    }

    #begin(roomId: string): Promise<BundleFile> {
        const look: Look = { over: false };
        const file = this.#parts.building
            .run(() => this.#find(roomId, look))
            .finally(() => this.#making.delete(roomId));
        this.#making.set(roomId, { file, look });
        return file;
    }

    async #find(roomId: string, look: Look): Promise<BundleFile> {
        const { crypto, database, files, now } = this.#parts;
        const set = await crypto.shareableSet(roomId);
        look.over = true;
        if (set.sessions === 0) throw new Halt(["refused", "nothing_to_share"]);
        const rules = this.#rules(roomId, set);
        const kept = files.find(roomId, fingerprint(set.version, rules)) ?? (await this.#unchanged(roomId, set, rules));
        if (kept === undefined || !within(now() - kept.reservedAt, longestUseOf(rules.maxAge)))
            return await this.#make(roomId, set, rules);
        if (kept.seenAt !== undefined && within(now() - kept.seenAt, believedFor)) return kept;
        if (await this.#has(kept)) return this.#seen(kept);
        if (kept.seenAt === undefined) return await this.#make(roomId, set, rules, kept);
        database.transaction(() => files.gone(kept.id));
        return await this.#make(roomId, set, rules);
    }

    /**
     * Where the homeserver does not say, and never will, a new file is made: an upload too much is better than a file
     * that is gone.
     */
    async #has({ file }: BundleFile): Promise<boolean> {
        try {
            return await this.#parts.homeserver.mediaExists(file.url);
        } catch (error) {
            const problem = problemOf(error);
            if (problem === undefined || isTransient(problem)) throw error;
            return false;
        }
    }

    /**
     * Whoever sends the bot made-up sessions makes the set another one each time, but not what a bundle holds of it:
     * nobody is sent a new file for that. Asked only where there are such senders. A file that turns out to be another
     * goes nowhere, as it has the earlier one's key.
     */
    async #unchanged(roomId: string, set: ShareableSet, rules: Rules): Promise<BundleFile | undefined> {
        const { database, files } = this.#parts;
        const earlier = rules.outsiders.length === 0 ? undefined : files.newest(roomId, rules.settings);
        if (earlier === undefined) return undefined;
        const { sha256, version } = await this.#build(roomId, set, rules, secretsOf(earlier.file));
        if (sha256 !== earlier.file.hashes.sha256) return undefined;
        database.transaction(() => files.rename(earlier.id, fingerprint(version, rules)));
        return earlier;
    }

    /** @param interrupted a file of the same sessions and rules whose upload did not arrive */
    async #make(roomId: string, set: ShareableSet, rules: Rules, interrupted?: BundleFile): Promise<BundleFile> {
        const { clock, database, files, homeserver, now } = this.#parts;
        const secrets = interrupted === undefined ? newFileSecrets() : secretsOf(interrupted.file);
        const bundle = await this.#build(roomId, set, rules, secrets);
        if (bundle.shared === 0) throw new Halt(["refused", "nothing_to_share"]);
        // One key must never go with two contents.
        const same = interrupted === undefined || bundle.sha256 === interrupted.file.hashes.sha256;
        if (!same) return await this.#make(roomId, set, rules);
        const reserved = interrupted ?? (await this.#reserve(roomId, rules, secrets, bundle));
        await homeserver.putMedia(reserved.file.url, bundle.pieces);
        database.transaction(() => files.seen(reserved.id, now(), clock.now()));
        return { ...reserved, seenAt: now() };
    }

    async #build(
        roomId: string,
        set: ShareableSet,
        { maxSessions, maxAge }: Rules,
        secrets: FileSecrets,
    ): Promise<EncryptedBundle> {
        const { crypto, homeserver, sessionTimes, now } = this.#parts;
        const maxBytes = set.bytes > worthAsking ? await homeserver.uploadLimit() : undefined;
        const mayBite =
            maxAge !== null || set.sessions > maxSessions || (maxBytes !== undefined && 2 * set.bytes > maxBytes);
        const limits = { maxSessions, maxBytes, notBefore: maxAge === null ? undefined : now() - maxAge };
        return await crypto.buildBundle({
            roomId,
            ...secrets,
            limits,
            times: mayBite ? await sessionTimes(roomId) : [],
        });
    }

    async #reserve(roomId: string, rules: Rules, secrets: FileSecrets, bundle: EncryptedBundle): Promise<BundleFile> {
        const { database, files, homeserver, now } = this.#parts;
        const file = encryptedFile(await homeserver.createMedia(), secrets, bundle.sha256);
        const contents: BundleContents = { shared: bundle.shared, withheld: bundle.withheld, ...bundle.leftOut };
        const made = { fingerprint: fingerprint(bundle.version, rules), settings: rules.settings };
        return database.transaction(() => files.reserve(roomId, made, file, contents, now()));
    }

    #seen(file: BundleFile): BundleFile {
        const { clock, database, files, now } = this.#parts;
        database.transaction(() => files.seen(file.id, now(), clock.now()));
        return { ...file, seenAt: now() };
    }

    #rules(roomId: string, { outsiders }: ShareableSet): Rules {
        const settings = this.#settings(roomId);
        // Where an age is set, what tells of one changes what is in the file.
        return { outsiders, times: settings.maxAge === null ? "" : this.#parts.timesVersion(roomId), ...settings };
    }

    #settings(roomId: string): Omit<Rules, "outsiders" | "times"> {
        const { facts } = this.#parts;
        const { mode, max_sessions: maxSessions, max_age: maxAge } = facts.policy(roomId);
        const settings = JSON.stringify([mode, maxSessions, maxAge, facts.rooms.room(roomId)?.visibility ?? null]);
        return { maxSessions, maxAge, settings };
    }
}

function longestUseOf(maxAge: number | null): number {
    return maxAge === null ? longestUse : longestUseWithAge;
}

/** Names a file by its sessions and its rules. */
function fingerprint(version: string, { settings, outsiders, times }: Rules): string {
    return createHash("sha256")
        .update(JSON.stringify([version, settings, outsiders, times]))
        .digest("base64url");
}

/** Also no if the clock was set back. */
function within(elapsed: number, limit: number): boolean {
    return elapsed >= 0 && elapsed < limit;
}
