import { createDecipheriv, createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { BundleToTake, TakenBundle } from "../../port.ts";
import { unpadded } from "../entries/exported-session-key.ts";
import { GivenEntries, type GivenWithheld, type TakenKeys } from "../entries/given-entries.ts";
import { normaliseRoomKey, type RoomKeyExport } from "../entries/room-key-export.ts";
import { type BundleOffer, findOffer } from "../exchange/bundle-offers.ts";
import { commit, type MachineContext, type Step } from "../store/context.ts";
import { BundleReader, type ListedEntry, NotABundle } from "./bundle-reader.ts";

/** Bytes that are read, and whose keys are written, in one step and commit: some 250 keys. */
const pieceBytes = 131_072;
/** Of one bundle; no server takes a file with more. */
const mostKeys = 100_000;
/** Milliseconds after which others have their turn: to see whether one key leads to another may take that long. */
const stepMs = 20;
/**
 * How often the ratchets of one bundle are hashed: some 2 s of work, or 1 000 sessions of a hundred messages that the
 * bot had in part. A giver chooses where keys begin, and those of ratchets that lead nowhere cost as much as good ones.
 */
const mostHashed = 100_000;

const publicKey = z.string().regex(/^[A-Za-z0-9+/]{43}$/);
const withheldSchema = z.object({
    algorithm: z.literal("m.megolm.v1.aes-sha2"),
    code: z.enum(["m.history_not_shared", "io.element.msc4268.history_not_shared"]),
    room_id: z.string(),
    sender_key: publicKey,
    session_id: publicKey,
});

interface Counts {
    /** Keys that stand in the bundle, however many of them are any good. */
    keys: number;
    taken: number;
    refused: number;
    withheld: number;
}

/**
 * Takes what a room key bundle holds, which was announced to us and downloaded: in steps between which other operations
 * have their turn, each one commit. What is repeated after a kill changes nothing the second time.
 */
export async function takeBundle(step: Step, { roomId, sender, url, ciphertext }: BundleToTake): Promise<TakenBundle> {
    // 1. The key of the very file that was downloaded: a newer announcement may have come meanwhile.
    const offer = await step(({ store, seal }) => store.atomically((sql) => findOffer(sql, seal, roomId, sender)));
    if (offer?.file.url !== url) return { outcome: "replaced" };

    // 2. Whoever keeps the file, and whoever carries it, is not believed.
    if (sha256(ciphertext) !== offer.file.hashes.sha256) return { outcome: "hash_mismatch" };

    // 3. Piece by piece: none of it is held whole.
    const counts: Counts = { keys: 0, taken: 0, refused: 0, withheld: 0 };
    const from: From = { roomId, giver: sender, url, hashed: 0 };
    const decipher = decipherOf(offer.file);
    const reader = new BundleReader();
    try {
        for (let start = 0; start < ciphertext.length; start += pieceBytes) {
            const plaintext = decipher.update(ciphertext.subarray(start, start + pieceBytes));
            const wanted = await takePiece(step, from, [...reader.take(plaintext)], counts);
            if (!wanted) return { outcome: "replaced" };
            await setImmediate();
        }
        reader.end();
    } catch (error) {
        if (error instanceof NotABundle) return { outcome: "malformed", detail: error.message };
        throw error;
    }
    return { outcome: "taken", ...counts };
}

interface From {
    readonly roomId: string;
    readonly giver: string;
    readonly url: string;
    /** How often ratchets were hashed so far. */
    hashed: number;
}

/** Answers false if it is not wanted any more: another bundle was announced meanwhile, or the room was forgotten. */
async function takePiece(step: Step, from: From, listed: readonly ListedEntry[], counts: Counts): Promise<boolean> {
    const keys: RoomKeyExport[] = [];
    const withheld: GivenWithheld[] = [];
    for (const { list, entry } of listed) {
        if (list === "withheld") {
            const { data } = withheldSchema.safeParse(entry);
            if (data?.room_id === from.roomId)
                withheld.push({ sessionId: data.session_id, senderKey: data.sender_key });
            continue;
        }
        counts.keys += 1;
        const result = counts.keys <= mostKeys ? normaliseRoomKey(entry) : { refused: "too many" };
        if ("entry" in result && result.entry.room_id === from.roomId) keys.push(result.entry);
        else counts.refused += 1;
    }
    for (
        let rest: readonly RoomKeyExport[] = keys, first = true;
        rest.length > 0 || (first && withheld.length > 0);
        first = false
    ) {
        const some = await step((context) => takeSome(context, from, rest, first ? withheld : []));
        if (some === undefined) return false;
        counts.taken += some.taken;
        counts.refused += some.refused;
        counts.withheld += some.withheld;
        from.hashed += some.hashed;
        if (from.hashed > mostHashed)
            throw new NotABundle("it takes too long to see whether its keys are of the sessions that they name");
        rest = rest.slice(some.looked);
    }
    return true;
}

/** As many as one step has time for; undefined if the bundle is not wanted any more. */
function takeSome(
    context: MachineContext,
    from: From,
    keys: readonly RoomKeyExport[],
    withheld: readonly GivenWithheld[],
): Promise<(TakenKeys & { readonly withheld: number }) | undefined> {
    return commit(context, (sql) => {
        if (findOffer(sql, context.seal, from.roomId, from.giver)?.file.url !== from.url) return undefined;
        const given = new GivenEntries(sql, context.seal, context.ownKey, from);
        return { ...given.take(keys, performance.now() + stepMs), withheld: given.takeWithheld(withheld) };
    });
}

function sha256(bytes: Uint8Array): string {
    return unpadded(createHash("sha256").update(bytes).digest());
}

function decipherOf({ key, iv }: BundleOffer["file"]): ReturnType<typeof createDecipheriv> {
    return createDecipheriv("aes-256-ctr", Buffer.from(key.k, "base64url"), Buffer.from(iv, "base64"));
}
