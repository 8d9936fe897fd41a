import { DecryptionSettings, RoomId, TrustRequirement, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { attempt, commit, type MachineContext } from "../store/context.ts";
import { deleteLookedUp, watchLookups } from "../store/lookups.ts";
import { entriesOf } from "./entries-of.ts";

/**
 * Forgets every key of a room: the machine's sessions, those that others withheld, ours for encrypting, received
 * bundles, and our ready entries. The machine cannot forget (its API deletes nothing), so its records are taken out of
 * its store, and it is opened anew. Where a room's records lie is seen from what the machine itself looks up: it hashes
 * all keys, and puts the room's hash in front. The file is written anew, so that the bytes are gone too, as far as a
 * program can say that of a disk.
 */
export async function forgetRoom(context: MachineContext, roomId: string): Promise<void> {
    const room = new RoomId(roomId);
    // Nothing has been changed if the machine's store has a shape that we do not know.
    const ofRoom = (await watchLookups(context.store, () => lookUp(context, room))).filter(
        ({ parts }) => parts.length === 2,
    );
    if (!ofRoom.some(({ store }) => store.startsWith("inbound_group_sessions")))
        throw new Error("Where the machine keeps its room keys is not known.");
    context.memory.outdated = true;
    await commit(context, async (sql) => {
        const lookups = await watchLookups(context.store, () =>
            attempt(() => context.machine.invalidateGroupSession(room)),
        );
        const outbound = lookups.filter(({ store }) => store.startsWith("outbound_group_sessions"));
        for (const lookup of [...ofRoom, ...outbound]) await deleteLookedUp(context.store, lookup);
        entriesOf(context, sql).forget(roomId);
    });
    context.store.compact();
}

/** Makes the machine look for a session, a refusal and a bundle of the room that do not exist. */
async function lookUp({ machine, userId }: MachineContext, room: RoomId): Promise<void> {
    const event = {
        event_id: "$none",
        type: "m.room.encrypted",
        sender: userId,
        origin_server_ts: 0,
        content: {
            algorithm: "m.megolm.v1.aes-sha2",
            sender_key: nothing,
            device_id: "NONE",
            session_id: nothing,
            ciphertext,
        },
    };
    await attempt(() =>
        machine.decryptRoomEvent(JSON.stringify(event), room, new DecryptionSettings(TrustRequirement.Untrusted)),
    );
    await attempt(() => machine.getReceivedRoomKeyBundleData(room, new UserId(userId)));
}

/** 32 bytes of zero. */
const nothing = "A".repeat(43);

/**
 * The shape of a Megolm message, without which nothing is looked up. Source: Matrix v1.19, olm-megolm, "Message
 * format".
 */
const ciphertext = Buffer.concat([Buffer.from([3, 0x08, 0, 0x12, 16]), Buffer.alloc(16 + 8 + 64)])
    .toString("base64")
    .replace(/=+$/, "");
