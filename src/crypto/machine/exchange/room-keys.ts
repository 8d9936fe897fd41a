import {
    CollectStrategy,
    EncryptionAlgorithm,
    EncryptionSettings,
    HistoryVisibility,
    RoomId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import type { HistoryVisibility as Visibility } from "../../../matrix/index.ts";
import type { OutgoingRequest } from "../../port.ts";
import { attempt, commit, commitCall, type MachineContext, unwrap } from "../store/context.ts";
import { drainFeed } from "./feed.ts";
import { toDeviceRequest } from "./requests.ts";
import { trackedUsers } from "./tracked-users.ts";
import { userIds } from "./user-ids.ts";

const contentSchema = z.looseObject({});

const visibilities: Readonly<Record<Visibility, HistoryVisibility>> = {
    invited: HistoryVisibility.Invited,
    joined: HistoryVisibility.Joined,
    shared: HistoryVisibility.Shared,
    world_readable: HistoryVisibility.WorldReadable,
};

/**
 * From now on the machine keeps these users' devices up to date; new ones wait for the next `/keys/query` of
 * `outgoing`.
 */
export async function trackUsers(context: MachineContext, users: readonly string[]): Promise<void> {
    const { machine, memory, log } = context;
    const known = await trackedUsers(context);
    const fresh = users.filter((userId) => !known.has(userId));
    if (fresh.length === 0) return;
    await commitCall(context, () => machine.updateTrackedUsers(userIds(fresh, log)));
    for (const userId of fresh) {
        known.add(userId);
        memory.awaitingQuery.add(userId);
    }
}

/**
 * Our own session of the room enters the ready entries in the same commit, with the flag that `visibility` gives it.
 */
export async function shareRoomKey(
    context: MachineContext,
    roomId: string,
    users: readonly string[],
    visibility: Visibility,
): Promise<readonly OutgoingRequest[]> {
    const settings = new EncryptionSettings();
    settings.algorithm = EncryptionAlgorithm.MegolmV1AesSha2;
    settings.historyVisibility = visibilities[visibility];
    settings.sharingStrategy = CollectStrategy.identityBasedStrategy();
    const room = new RoomId(roomId);
    const recipients = userIds(users, context.log);
    const outcome = await commit(context, async (sql) => {
        const shared = await attempt(() => context.machine.shareRoomKey(room, recipients, settings));
        if (shared.ok) await drainFeed(context, sql);
        return shared;
    });
    const requests = unwrap(outcome).map(toDeviceRequest);
    context.memory.preparedRooms.add(roomId);
    return requests;
}

/** @throws if `shareRoomKey` did not come before: the machine itself would panic. */
export async function encryptRoomEvent(
    context: MachineContext,
    roomId: string,
    type: string,
    content: object,
): Promise<object> {
    if (!context.memory.preparedRooms.delete(roomId))
        throw new Error("Each encryption follows a shareRoomKey of its room.");
    const room = new RoomId(roomId);
    const encrypted = await commitCall(context, () =>
        context.machine.encryptRoomEvent(room, type, JSON.stringify(content)),
    );
    return parseContent(encrypted);
}

export async function rotate(context: MachineContext, roomId: string): Promise<void> {
    context.memory.preparedRooms.delete(roomId);
    await commitCall(context, () => context.machine.invalidateGroupSession(new RoomId(roomId)));
}

export function parseContent(json: string): object {
    return contentSchema.parse(JSON.parse(json));
}
