import type { Client } from "./client.ts";
import { HomeserverError } from "./errors.ts";
import { path } from "./path.ts";

/** @see {@link import("./api.ts").Homeserver.hasAccount} */
export async function hasAccount(client: Client, userId: string): Promise<boolean> {
    try {
        await client.call({ operation: "profile", method: "GET", path: path`/_matrix/client/v3/profile/${userId}`, attempts: 1 });
        return true;
    } catch (error) {
        if (!(error instanceof HomeserverError)) throw error;
        const { problem } = error;
        if (problem.kind === "unreachable" || problem.kind === "not_matrix" || problem.kind === "rate_limited") throw error;
        return !(problem.kind === "not_found" && problem.errcode === "M_NOT_FOUND");
    }
}
