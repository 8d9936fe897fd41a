import type { MatrixClient } from "matrix-js-sdk";
import { type CryptoApi, VerificationPhase, type VerificationRequest } from "matrix-js-sdk/lib/crypto-api/index.js";
import { until } from "../process/index.ts";
import type { VerificationSeen } from "./operations.ts";

const cancelled = "m.key.verification.cancel";

/** The requests to verify somebody that a client made, and the reasons for which they were cancelled. */
export class Verifications {
    readonly #requests = new Map<string, VerificationRequest>();
    /** Of those by to-device messages. */
    readonly #reasons = new Map<unknown, unknown>();

    received(type: string, content: Readonly<Record<string, unknown>>): void {
        if (type === cancelled) this.#reasons.set(content["transaction_id"], content["reason"]);
    }

    async ask(
        crypto: CryptoApi,
        userId: string,
        by: { readonly deviceId: string } | { readonly roomId: string },
    ): Promise<string> {
        const isKnown = async () => (await crypto.getUserVerificationStatus(userId)).known;
        await until("the keys of whoever is in a room with this client", isKnown);
        const request =
            "roomId" in by
                ? await crypto.requestVerificationDM(userId, by.roomId)
                : await crypto.requestDeviceVerification(userId, by.deviceId);
        const id = request.transactionId;
        if (id === undefined) throw new Error("the request has no ID");
        this.#requests.set(id, request);
        return id;
    }

    seen(client: MatrixClient, id: string): VerificationSeen {
        const request = this.#requests.get(id);
        if (request === undefined) throw new Error("no such request");
        const reason = request.roomId === undefined ? this.#reasons.get(id) : reasonIn(client, request.roomId, id);
        return {
            phase: phases.get(request.phase) ?? "other",
            code: request.cancellationCode,
            reason: typeof reason === "string" ? reason : null,
        };
    }
}

const phases = new Map<VerificationPhase, VerificationSeen["phase"]>([
    [VerificationPhase.Requested, "requested"],
    [VerificationPhase.Cancelled, "cancelled"],
]);

function reasonIn(client: MatrixClient, roomId: string, id: string): unknown {
    const events = client.getRoom(roomId)?.getLiveTimeline().getEvents() ?? [];
    return events.find((event) => event.getType() === cancelled && event.relationEventId === id)?.getContent()[
        "reason"
    ];
}
