import type { MatrixEvent } from "matrix-js-sdk";
import type { TimelineMessage } from "./operations.ts";

export function isMessage(event: MatrixEvent): boolean {
    return event.isEncrypted() || event.getType() === "m.room.message";
}

export function asSeen(event: MatrixEvent): TimelineMessage {
    const seen = { eventId: event.getId() ?? "", sender: event.getSender() ?? "" };
    if (event.isDecryptionFailure())
        return { ...seen, text: null, failure: event.decryptionFailureReason ?? "unknown" };
    return { ...seen, text: String(event.getContent()["body"]) };
}
