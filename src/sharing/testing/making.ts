import type { RunningClock } from "../../due/index.ts";
import { createHash } from "node:crypto";
import { type BundleRequest, type EncryptedBundle, packTimes } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import type { BundleFiles } from "../bundle/bundle-files.ts";
import { RoomBundles } from "../bundle/room-bundles.ts";
import { ConcurrencyLimit } from "../concurrency/concurrency-limit.ts";
import type { FactSources } from "../policy/facts.ts";

/** A call that may fail, or in whose middle something may happen. */
export type Step = <T>(name: string, answer: () => T) => Promise<T>;

/** What of a world its room's bundles are made of, and where they go. */
export interface MakingWorld {
    readonly database: Database;
    readonly now: number;
    readonly shared: number;
    readonly version: string;
    readonly ofStrangers: string;
    readonly bundleBytes: number;
    readonly outsiders: readonly string[];
    readonly times: string;
    readonly leftOut: EncryptedBundle["leftOut"];
    readonly uploadLimit: number | undefined;
    readonly disturbance: string;
    readonly clock: RunningClock;
    readonly media: Set<string>;
    readonly versions: Map<string, string>;
    readonly built: BundleRequest[];
    places: number;
}

export function bundlesOf(world: MakingWorld, files: BundleFiles, facts: FactSources, step: Step): RoomBundles {
    return new RoomBundles({
        database: world.database,
        files,
        facts,
        timesVersion: () => world.times,
        sessionTimes: () => Promise.resolve([packTimes([{ sessionId: "used", firstAt: 1 }])]),
        building: new ConcurrencyLimit(4),
        now: () => world.now,
        clock: world.clock,
        crypto: {
            shareableSet: () =>
                step("shareableSet", () => ({
                    version: world.version + world.ofStrangers,
                    sessions: world.shared,
                    bytes: world.bundleBytes,
                    outsiders: world.outsiders,
                })),
            buildBundle: (request) => step("buildBundle", () => build(world, request)),
        },
        homeserver: {
            uploadLimit: () => step("uploadLimit", () => world.uploadLimit),
            createMedia: () => step("createMedia", () => `mxc://home/${(world.places += 1)}`),
            putMedia: (url, pieces) => step("putMedia", () => arrived(world, url, pieces)),
            mediaExists: (url) => step("mediaExists", () => world.media.has(url)),
        },
    });
}

/** The same secrets and the same set make the same file. */
function build(world: MakingWorld, request: BundleRequest): EncryptedBundle {
    world.built.push(request);
    const text = JSON.stringify([[...request.key], [...request.iv], world.version, world.disturbance]);
    const sha256 = createHash("sha256").update(text).digest("base64").replaceAll("=", "");
    const { shared, leftOut } = world;
    const version = world.version + world.ofStrangers;
    return { pieces: [Buffer.from(text)], bytes: text.length, sha256, version, shared, withheld: 0, leftOut };
}

function arrived(world: MakingWorld, url: string, pieces: readonly Uint8Array[]): void {
    world.media.add(url);
    const [, , version] = JSON.parse(Buffer.concat(pieces).toString()) as readonly unknown[];
    world.versions.set(url, String(version));
}
