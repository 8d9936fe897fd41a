import type { Client } from "./client.ts";
import { HomeserverError, type HomeserverProblem } from "./errors.ts";
import { path } from "./path.ts";

/** @see {@link import("./api.ts").Homeserver.hasAccount} */
export async function hasAccount(client: Client, userId: string): Promise<boolean> {
    try {
        await client.call({
            operation: "profile",
            method: "GET",
            path: path`/_matrix/client/v3/profile/${userId}`,
            attempts: 1,
        });
        return true;
    } catch (error) {
        if (!(error instanceof HomeserverError)) throw error;
        const { problem } = error;
        if (problem.kind === "unreachable" || problem.kind === "not_matrix" || problem.kind === "rate_limited")
            throw error;
        return !isNobody(problem);
    }
}

/**
 * The specification's word is 404 `M_NOT_FOUND`. Synapse (1.163) says 404 `M_UNKNOWN` of a name that nobody has, and
 * `M_NOT_FOUND` of an account with an empty profile, which cannot be told from nobody on other homeservers.
 */
function isNobody(problem: HomeserverProblem): boolean {
    if (problem.kind === "not_found") return problem.errcode === "M_NOT_FOUND";
    return problem.kind === "invalid" && problem.status === 404 && problem.errcode === "M_UNKNOWN";
}
