import { Failure } from "../failures/index.ts";
import { type HomeserverProblem, problemOf } from "../homeserver/index.ts";

/** What an error says about our credentials; undefined: nothing. */
export type CredentialsVerdict = "login_again" | "wait" | "stop" | undefined;

/**
 * For the sync loop. `login_again`: a soft logout, the device is still ours (`renewAccessToken`). `wait`: the account
 * is locked or suspended, and an admin can undo that. `stop`: the device or the account is gone (`credentialsFailure`
 * says it). Source: Matrix v1.19, "Soft logout", "Account locking", "Account suspension".
 */
export function credentialsVerdict(error: unknown): CredentialsVerdict {
    const problem = problemOf(error);
    switch (problem?.kind) {
        case "unknown_token":
            return problem.softLogout ? "login_again" : "stop";
        case "user_locked":
        case "user_suspended":
            return "wait";
        case "user_deactivated":
            return "stop";
        default:
            return undefined;
    }
}

/** The failure to end with after the verdict `stop`. */
export function credentialsFailure(error: unknown, userId: string, deviceId: string): Failure {
    const kind: HomeserverProblem["kind"] | undefined = problemOf(error)?.kind;
    const code = kind === "user_deactivated" ? "account_deactivated" : "device_logged_out";
    return new Failure(code, { user: userId, device: deviceId }, { cause: error });
}
