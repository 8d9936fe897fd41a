import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Secret } from "../../config/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import { deriveSeal } from "../../sealing/index.ts";
import { type Account, type AccountOptions, accountSchema, accountStatus, establishAccount } from "../index.ts";
import { FakeCryptoStore } from "./fake-crypto.ts";
import { FakeHomeserver } from "./fake-homeserver.ts";

export const userId = "@bot:example.org";
export const password = new Secret("correct horse");
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

/** A data folder with its stores; `start` is one start of the bot on it. */
export class Installation {
    readonly dataDir = mkdtempSync(join(tmpdir(), "backscroll-account-"));
    readonly homeserver: FakeHomeserver;
    readonly crypto = new FakeCryptoStore();
    readonly storeKey = Buffer.alloc(32, 7);
    readonly database: Database;

    constructor(homeserver = new FakeHomeserver(userId)) {
        this.homeserver = homeserver;
        this.database = openDatabase({ path: join(this.dataDir, "backscroll.sqlite"), schemas: [accountSchema] });
        onTestFinished(() => {
            this.database.close();
            rmSync(this.dataDir, { recursive: true });
        });
    }

    start(options: Partial<AccountOptions> = {}): Promise<Account> {
        return establishAccount(this.options(options));
    }

    options(options: Partial<AccountOptions> = {}): AccountOptions {
        return {
            homeserver: this.homeserver,
            database: this.database,
            seal: deriveSeal(this.storeKey, "account"),
            log: silent,
            url: "https://example.org",
            userId,
            password: options.accessToken === undefined ? password : undefined,
            accessToken: undefined,
            recoveryKey: undefined,
            dataDir: this.dataDir,
            onHomeserverWentBack: () => {},
            openCrypto: (user, device) => this.crypto.open(user, device),
            ...options,
        };
    }

    recoveryKey(): string {
        return readFileSync(join(this.dataDir, "recovery-key"), "utf8");
    }

    status(): ReturnType<typeof accountStatus> {
        return accountStatus(this.database, this.dataDir);
    }
}
