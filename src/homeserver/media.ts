import { type MediaParts, parseMxc } from "../matrix/index.ts";
import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { HomeserverError, problemOf } from "./errors.ts";
import { path } from "./path.ts";

/** The slowest upload that is waited for: 64 KiB a second, after a minute's start. */
const slowestBytesPerMs = 64;
const startMs = 60_000;
/** The newest first. */
const downloadPlaces = ["/_matrix/client/v1/media/download", "/_matrix/media/v3/download"] as const;
/** Bytes of an answer that says no. */
const longestRefusal = 65_536;
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
 * @throws HomeserverError `unrecognized` where the server is older than Matrix 1.7: there is no safe way to upload
 * then.
 */
export async function createMedia(client: Client): Promise<string> {
    const operation = "create_media";
    const answer = await client.call({
        operation,
        method: "POST",
        path: "/_matrix/media/v1/create",
        body: "{}",
        attempts: 1,
    });
    return answers.read(operation, answers.contentUri, answer).content_uri;
}

/**
 * Uploads to a reserved URI, in pieces. Source: Matrix v1.19, `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`.
 */
export async function putMedia(client: Client, mxc: string, pieces: readonly Uint8Array[]): Promise<void> {
    const operation = "put_media";
    const { serverName, mediaId } = partsOf(operation, mxc);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const timeoutMs = startMs + Math.ceil(bytes / slowestBytesPerMs);
    try {
        await client.call({
            operation,
            method: "PUT",
            path: path`/_matrix/media/v3/upload/${serverName}/${mediaId}`,
            body: pieces,
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

/**
 * Whether the homeserver has this media, without fetching it. Asked at its newest path first. One attempt.
 * Source: Matrix v1.19, `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`.
 * @returns false only where the homeserver itself says so: `M_NOT_FOUND`, or `M_NOT_YET_UPLOADED` of what was only
 *   reserved
 * @throws HomeserverError for every other answer
 */
export async function mediaExists(client: Client, mxc: string): Promise<boolean> {
    const operation = "media_exists";
    const { serverName, mediaId } = partsOf(operation, mxc);
    const query = new URLSearchParams({ timeout_ms: "0", allow_redirect: "false" });
    const [newest, older] = downloadPlaces;
    const call = (place: string) => ({
        operation,
        query,
        path: `${place}${path`/${serverName}/${mediaId}`}`,
        maxBytes: longestRefusal,
    });
    try {
        return await existsAt(client, call(newest));
    } catch (error) {
        if (!isUnknownEndpoint(error)) throw error;
        return await existsAt(client, call(older));
    }
}

/**
 * The head of an answer tells that there is something; only the whole answer tells whether the homeserver or something
 * before it says no.
 */
async function existsAt(client: Client, call: Parameters<Client["bytes"]>[0]): Promise<boolean> {
    try {
        await client.head(call);
        return true;
    } catch (error) {
        if (problemOf(error)?.kind !== "not_matrix" && !isNotYetUploaded(error, "none")) throw error;
    }
    try {
        await client.bytes(call);
        return true;
    } catch (error) {
        if (problemOf(error)?.kind === "too_large") return true;
        if (problemOf(error)?.kind === "not_found" || isNotYetUploaded(error, "M_NOT_YET_UPLOADED")) return false;
        throw error;
    }
}

/** Source: Matrix v1.19, 504 of `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`. */
function isNotYetUploaded(error: unknown, errcode: string): boolean {
    const problem = problemOf(error);
    return problem?.kind === "server_error" && problem.status === 504 && problem.errcode === errcode;
}

/**
 * Downloads a medium of at most so many bytes. Asked at its newest path first. One attempt.
 * Source: Matrix v1.19, `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`.
 * @throws HomeserverError `not_found`; `too_large`
 */
export async function getMedia(client: Client, mxc: string, maxBytes: number): Promise<Uint8Array> {
    const operation = "get_media";
    const { serverName, mediaId } = partsOf(operation, mxc);
    const query = new URLSearchParams({ allow_redirect: "false" });
    const timeoutMs = startMs + Math.ceil(maxBytes / slowestBytesPerMs);
    const call = (place: string) => ({
        operation,
        query,
        path: `${place}${path`/${serverName}/${mediaId}`}`,
        maxBytes,
        timeoutMs,
    });
    const [newest, older] = downloadPlaces;
    try {
        return await client.bytes(call(newest));
    } catch (error) {
        if (!isUnknownEndpoint(error)) throw error;
        return await client.bytes(call(older));
    }
}

function partsOf(operation: string, mxc: string): MediaParts {
    const parts = parseMxc(mxc);
    if (parts !== undefined) return parts;
    throw new HomeserverError(operation, { kind: "malformed", detail: "not an mxc:// URI" });
}

/** Old servers answer an unknown path with a plain 404. */
function isUnknownEndpoint(error: unknown): boolean {
    const problem = problemOf(error);
    return (
        problem?.kind === "unrecognized" ||
        problem?.kind === "not_found" ||
        (problem?.kind === "not_matrix" && problem.status === 404)
    );
}
