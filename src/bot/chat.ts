import { AdminRooms, Greeter, Greetings, Notifier, type SendEncrypted, VerificationAnswerer } from "../chat/index.ts";
import { type Settings, sharingPolicy } from "../config/index.ts";
import { type OutgoingRequests, RoomEncryption } from "../crypto/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Online } from "./bring-up.ts";
import type { Store } from "./folder/store.ts";
import { enoughCovered } from "./recording/follow-rooms.ts";
import type { SharingLedger } from "./recording/sharing-ledger.ts";

export interface ChatOptions {
    readonly settings: Settings;
    readonly store: Store;
    readonly ledger: SharingLedger;
    readonly online: Online;
    readonly log: Logger;
}

/**
 * The parts that say something in rooms. They share one encryption: a room's session is given out by one at a time.
 * @param takesKeys whether keys that came with the bot's invite are being taken
 * @param spokeIn told of a room that something was encrypted for: the bot's own session may be new there
 */
export function chatParts(
    { settings, store, ledger, online, log }: ChatOptions,
    outgoing: OutgoingRequests,
    takesKeys: (roomId: string) => boolean,
    spokeIn: (roomId: string) => void,
): { readonly greeter: Greeter; readonly notifier: Notifier; readonly verification: VerificationAnswerer } {
    const { homeserver, crypto } = online;
    const { rooms, notices } = ledger;
    const { database } = store;
    const encryption = new RoomEncryption({
        crypto,
        outgoing,
        rotationMark: (roomId) => rooms.rotationMark(roomId),
        clearRotation: (roomId, mark) => database.transaction(() => rooms.clearRotation(roomId, Number(mark))),
    });
    const sendEncrypted: SendEncrypted = async (room, roomId, txnId, content, type = "m.room.message") => {
        const event = await encryption.encrypt(room, roomId, type, content);
        spokeIn(roomId);
        await homeserver.sendEvent(roomId, event.type, txnId, event.content);
    };
    const common = {
        botUserId: settings.homeserver.user_id,
        rooms,
        sendEncrypted,
        now: Date.now,
        monotonic: () => performance.now(),
        random: Math.random,
        log,
    };
    return {
        greeter: new Greeter({
            ...common,
            greetings: new Greetings(database),
            coverage: (roomId) => (ledger.timelines.isCounted(roomId) ? ledger.timelines.coverage(roomId) : undefined),
            takesKeys,
            enough: (roomId) => enoughCovered(sharingPolicy(settings, roomId)),
            inviting: (roomId) => inviting(sharingPolicy(settings, roomId).reinvite),
        }),
        notifier: new Notifier({
            ...common,
            admins: settings.chat.notify ? settings.admins : [],
            adminRooms: new AdminRooms(database),
            standingAfter: (id) => notices.standingAfter(id),
            newest: () => notices.newest(),
            homeserver,
        }),
        verification: new VerificationAnswerer({ ...common, crypto, homeserver }),
    };
}

function inviting(reinvite: Settings["sharing"]["reinvite"]): "compared" | "always" | "never" {
    return reinvite === "always" || reinvite === "never" ? reinvite : "compared";
}
