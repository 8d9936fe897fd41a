import { HomeserverError } from "../homeserver/index.ts";

/** A proxy between may refuse for reasons of its own; a homeserver that does not know a token never will. */
const enough = 3;

/**
 * Whether the homeserver knows the sync token. One that was restored from a backup, or lost its database, refuses for
 * good what it has never given out; the specification has no error code for that. Source: Matrix v1.19, `GET
 * /_matrix/client/v3/sync`.
 */
export class TokenRefusals {
    #inARow = 0;

    /** True: ask without the token. */
    get distrusted(): boolean {
        return this.#inARow >= enough;
    }

    /** What a request ended with. One that is refused without a token, too, shows that the token is not the reason. */
    note(error: unknown, since: string | undefined): void {
        if (!isRefusal(error)) return;
        this.#inARow = since === undefined ? 0 : this.#inARow + 1;
    }

    /** A batch was recorded, and with it a token that the homeserver knows. */
    over(): void {
        this.#inARow = 0;
    }
}

function isRefusal(error: unknown): boolean {
    if (!(error instanceof HomeserverError)) return false;
    const { problem } = error;
    return (problem.kind === "invalid" && problem.status < 500) || problem.kind === "not_found";
}
