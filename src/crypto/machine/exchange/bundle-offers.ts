import type { DatabaseSync } from "node:sqlite";
import { DecryptedToDeviceEvent, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { blobOf, numberOf, textOf } from "../../../database/index.ts";
import type { Seal } from "../../../sealing/index.ts";
import type { OfferedBundle } from "../../port.ts";
import { commit, type MachineContext } from "../store/context.ts";
import { fileSchema } from "./file-schema.ts";
import { masterKeyOf } from "./identity.ts";

/** The specification's name, and the one that clients used before. */
const bundleEvent = z.object({
    type: z.enum(["m.room_key_bundle", "io.element.msc4268.room_key_bundle"]),
    sender: z.string().min(1).max(255),
    content: z.object({ room_id: z.string().max(255).startsWith("!"), file: fileSchema }),
});

/** Of one sender, the newest. */
const mostOfASender = 1_000;
/** Milliseconds after which nobody joins by an invite any more. */
const keptFor = 30 * 24 * 3_600_000;
/** However old they seem to be: a clock that jumps ahead for a minute must not cost those that are waited for. */
const keptAlways = 10_000;

/** An `m.room_key_bundle`, decrypted. The sender's key is the one of the Olm message, which the machine checked. */
export interface BundleOffer {
    readonly roomId: string;
    readonly sender: string;
    readonly senderKey: string;
    readonly file: z.infer<typeof fileSchema>;
}

/** The room key bundles that were announced in this batch. */
export function readOffers(processed: readonly object[]): readonly BundleOffer[] {
    return processed.flatMap((event) => {
        if (!(event instanceof DecryptedToDeviceEvent)) return [];
        const { data } = bundleEvent.safeParse(JSON.parse(event.rawEvent));
        if (data === undefined) return [];
        const { sender, content } = data;
        return [
            {
                roomId: content.room_id,
                sender,
                senderKey: event.encryptionInfo.senderCurve25519Key,
                file: content.file,
            },
        ];
    });
}

/**
 * Keeps what was announced, of each sender and room the newest, in the caller's transaction: the event can never be
 * decrypted again. Answers the rooms. Trust limit: anybody may announce anything for any room; who is believed is
 * decided when the bot joins.
 */
export function storeOffers(
    sql: DatabaseSync,
    seal: Seal,
    offers: readonly BundleOffer[],
    now: number,
): readonly string[] {
    if (offers.length === 0) return [];
    sql.prepare(
        "DELETE FROM bundle_offers WHERE received_at < ? AND id <= (SELECT id FROM bundle_offers ORDER BY id DESC LIMIT 1 OFFSET ?)",
    ).run(now - keptFor, keptAlways);
    const insert = sql.prepare(
        "INSERT OR REPLACE INTO bundle_offers (room_id, sender, sender_key, received_at, file) VALUES (?, ?, ?, ?, ?)",
    );
    for (const { roomId, sender, senderKey, file } of offers)
        insert.run(
            roomId,
            sender,
            senderKey,
            now,
            seal.seal(placeOf(roomId, sender), Buffer.from(JSON.stringify(file))),
        );
    const forget = sql.prepare(
        "DELETE FROM bundle_offers WHERE id IN (SELECT id FROM bundle_offers WHERE sender = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
    );
    for (const sender of new Set(offers.map((offer) => offer.sender))) forget.run(sender, mostOfASender);
    return offers.map(({ roomId }) => roomId);
}

/**
 * What this user announced for the room, as far as it may be told; undefined: nothing. Their devices and identity are
 * those of the last `/keys/query`.
 */
export async function offeredBundle(
    context: MachineContext,
    roomId: string,
    sender: string,
): Promise<OfferedBundle | undefined> {
    const { machine, store, seal } = context;
    const found = await store.atomically((sql) => findOffer(sql, seal, roomId, sender));
    if (found === undefined) return undefined;
    const devices = (await machine.getUserDevices(new UserId(sender))).devices();
    const device = devices.find((candidate) => candidate.curve25519Key?.toBase64() === found.senderKey);
    return {
        url: found.file.url,
        receivedAt: found.receivedAt,
        masterKey: masterKeyOf(await machine.getIdentity(new UserId(sender))),
        deviceId: device?.deviceId.toString(),
        crossSigned: device?.isCrossSignedByOwner() === true,
    };
}

/** Users who announced bundles for the room, a few of them. */
export async function bundleOfferers({ store }: MachineContext, roomId: string): Promise<readonly string[]> {
    const select = "SELECT sender FROM bundle_offers WHERE room_id = ? ORDER BY id DESC LIMIT 10";
    return (await store.atomically((sql) => sql.prepare(select).all(roomId))).map((row) => textOf(row, "sender"));
}

export async function forgetOffer(context: MachineContext, roomId: string, sender: string): Promise<void> {
    await commit(context, (sql) =>
        sql.prepare("DELETE FROM bundle_offers WHERE room_id = ? AND sender = ?").run(roomId, sender),
    );
}

export function findOffer(
    sql: DatabaseSync,
    seal: Seal,
    roomId: string,
    sender: string,
): (Pick<BundleOffer, "senderKey" | "file"> & { readonly receivedAt: number }) | undefined {
    const row = sql
        .prepare("SELECT sender_key, received_at, file FROM bundle_offers WHERE room_id = ? AND sender = ?")
        .get(roomId, sender);
    if (row === undefined) return undefined;
    // Earlier versions kept URIs that nobody can be asked for.
    const { data: file } = fileSchema.safeParse(
        JSON.parse(Buffer.from(seal.open(placeOf(roomId, sender), blobOf(row, "file"))).toString("utf8")),
    );
    return file && { senderKey: textOf(row, "sender_key"), receivedAt: numberOf(row, "received_at"), file };
}

function placeOf(roomId: string, sender: string): string {
    return JSON.stringify(["bundle_offers", roomId, sender]);
}
