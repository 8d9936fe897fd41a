import { UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Logger } from "../../../telemetry/index.ts";

/** User IDs that the machine takes; others cannot have devices. */
export function userIds(ids: readonly string[], log: Logger): UserId[] {
    return ids.flatMap((id) => {
        try {
            return [new UserId(id)];
        } catch {
            log.warn({ operation: "user_ids" }, "left out a malformed user ID");
            return [];
        }
    });
}
