import { existsSync } from "node:fs";
import type { Settings } from "../config/index.ts";
import { createLogger } from "../telemetry/index.ts";
import { bringUp } from "./bring-up.ts";
import { openStore } from "./folder/store.ts";
import { Releases } from "./shutdown.ts";

/** A person waits: a homeserver that is away is told, not waited for. */
const attempts = 3;

export interface LoginResult {
    readonly userId: string;
    readonly deviceId: string;
    readonly fingerprint: string;
    /** Set if a recovery key lies in the data folder. */
    readonly recoveryKeyFile?: string;
}

/** @see {@link import("./index.ts").loginAccount} */
export async function loginAccount({
    settings,
    resetIdentity,
}: {
    readonly settings: Settings;
    readonly resetIdentity: boolean;
}): Promise<LoginResult> {
    const log = await createLogger({ level: "warn", format: settings.log.format, output: "stderr" });
    const releases = new Releases();
    const stopping = new AbortController();
    const { promise: fatal, reject: onFatal } = Promise.withResolvers<never>();
    try {
        const store = openStore(settings);
        releases.add("the store", () => store.close());
        const up = bringUp({
            settings,
            store,
            log,
            signal: stopping.signal,
            releases,
            onFatal,
            onHomeserverWentBack: () => {},
            resetIdentity,
            attempts,
        });
        const { account } = await Promise.race([up, fatal]);
        const recoveryKeyFile = `${store.folder.path}/recovery-key`;
        return {
            userId: account.userId,
            deviceId: account.deviceId,
            fingerprint: account.masterKey,
            ...(existsSync(recoveryKeyFile) ? { recoveryKeyFile } : {}),
        };
    } finally {
        stopping.abort();
        await releases.run(log);
    }
}
