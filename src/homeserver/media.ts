import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { HomeserverError, problemOf } from "./errors.ts";
import { path } from "./path.ts";

/** The slowest upload that is waited for: 64 KiB a second, after a minute's start. */
const slowestBytesPerMs = 64;
const startMs = 60_000;
/** An upload to a reserved URI can be repeated without another look at anything. */
const uploadAttempts = 3;

/** The server's limit for one upload, in bytes; undefined if it names none. Asked at its newest path first. */
export async function uploadLimit(client: Client): Promise<number | undefined> {
    const operation = "media_config";
    for (const endpoint of ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"]) {
        try {
            const answer = await client.call({ operation, method: "GET", path: endpoint, attempts: 1 });
            return answers.read(operation, answers.mediaConfig, answer)["m.upload.size"];
        } catch (error) {
            if (!isUnknownEndpoint(error)) throw error;
        }
    }
    return undefined;
}

/**
 * Reserves an `mxc://` URI, so that the upload itself can be repeated safely.
 * Source: Matrix v1.19, `POST /_matrix/media/v1/create`.
 * @throws HomeserverError `unrecognized` where the server is older than Matrix 1.7: there is no safe way to upload then.
 */
export async function createMedia(client: Client): Promise<string> {
    const operation = "create_media";
    const answer = await client.call({ operation, method: "POST", path: "/_matrix/media/v1/create", body: "{}", attempts: 1 });
    return answers.read(operation, answers.contentUri, answer).content_uri;
}

/** Uploads to a reserved URI. Source: Matrix v1.19, `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`. */
export async function putMedia(client: Client, mxc: string, bytes: Uint8Array): Promise<void> {
    const operation = "put_media";
    const [, serverName, mediaId] = /^mxc:\/\/([^/?#]+)\/([A-Za-z0-9_-]+)$/.exec(mxc) ?? [];
    if (serverName === undefined || mediaId === undefined)
        throw new HomeserverError(operation, { kind: "malformed", detail: "not an mxc:// URI" });
    const timeoutMs = startMs + Math.ceil(bytes.length / slowestBytesPerMs);
    try {
        await client.call({
            operation,
            method: "PUT",
            path: path`/_matrix/media/v3/upload/${serverName}/${mediaId}`,
            body: bytes,
            timeoutMs,
            attempts: uploadAttempts,
        });
    } catch (error) {
        const problem = problemOf(error);
        // An earlier attempt arrived, only its answer did not.
        if (problem?.kind === "invalid" && problem.errcode === "M_CANNOT_OVERWRITE_MEDIA") return;
        throw error;
    }
}

/** Old servers answer an unknown path with a plain 404. */
function isUnknownEndpoint(error: unknown): boolean {
    const problem = problemOf(error);
    return problem?.kind === "unrecognized" || problem?.kind === "not_found" || (problem?.kind === "not_matrix" && problem.status === 404);
}
