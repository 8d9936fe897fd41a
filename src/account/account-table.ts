import { Secret } from "../config/index.ts";
import type { OwnIdentity } from "../crypto/index.ts";
import {
    blobOrNothing,
    type Database,
    flagOf,
    numberOrNothing,
    type Row,
    type Schema,
    textOf,
    textOrNothing,
    wordOf,
} from "../database/index.ts";
import { Failure } from "../failures/index.ts";
import { type Seal, SealBroken } from "../sealing/index.ts";

export const accountSchema: Schema = {
    feature: "account",
    migrations: [
        (sql) =>
            sql.exec(`
                CREATE TABLE account (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    user_id TEXT NOT NULL,
                    -- chosen before the login: a crash after it must find the same device again
                    device_id TEXT NOT NULL,
                    -- 0 until the server has answered a login: until then the device binds nobody
                    logged_in INTEGER NOT NULL,
                    -- 1 from before a login until its token is stored: the server ends the old token in between
                    login_begun INTEGER NOT NULL DEFAULT 0,
                    -- sealed; null: the configuration has it, or there was no login yet
                    access_token BLOB,
                    -- the identity as last seen published and our own, and whether our device was signed by it
                    master_key TEXT,
                    cross_signed INTEGER NOT NULL DEFAULT 0,
                    -- the identity whose private keys are in secret storage
                    recovery_saved_for TEXT
                ) STRICT
            `),
        (sql) =>
            sql.exec(`
                -- How the device stands with the published identity (see OwnIdentity): if not 'ours', since when, in
                -- milliseconds since the epoch, and the master key that is published instead of master_key.
                ALTER TABLE account ADD COLUMN identity_state TEXT NOT NULL DEFAULT 'ours';
                ALTER TABLE account ADD COLUMN identity_since INTEGER;
                ALTER TABLE account ADD COLUMN published_key TEXT
            `),
    ],
};

export interface StoredAccount {
    readonly userId: string;
    readonly deviceId: string;
    readonly loggedIn: boolean;
    readonly loginBegun: boolean;
    readonly masterKey: string | null;
    readonly crossSigned: boolean;
    readonly recoverySavedFor: string | null;
    readonly identity: OwnIdentity;
    /** Milliseconds since the epoch; null while it is ours. */
    readonly identitySince: number | null;
}

/** The one row of the `account` table; each change is one transaction. */
export class AccountTable {
    readonly #database: Database;

    constructor(database: Database) {
        this.#database = database;
    }

    read(): StoredAccount | undefined {
        const row = this.#database.sql
            .prepare(
                `SELECT user_id, device_id, logged_in, login_begun, master_key, cross_signed, recovery_saved_for,
                     identity_state, identity_since, published_key FROM account`,
            )
            .get();
        if (row === undefined) return undefined;
        return {
            userId: textOf(row, "user_id"),
            deviceId: textOf(row, "device_id"),
            loggedIn: flagOf(row, "logged_in"),
            loginBegun: flagOf(row, "login_begun"),
            masterKey: textOrNothing(row, "master_key") ?? null,
            crossSigned: flagOf(row, "cross_signed"),
            recoverySavedFor: textOrNothing(row, "recovery_saved_for") ?? null,
            identity: identityFrom(row),
            identitySince: numberOrNothing(row, "identity_since") ?? null,
        };
    }

    /** @throws Failure store_key_wrong */
    accessToken(seal: Seal): Secret | undefined {
        const row = this.#database.sql.prepare("SELECT user_id, device_id, access_token FROM account").get();
        const sealed = blobOrNothing(row, "access_token");
        if (sealed === undefined) return undefined;
        try {
            return new Secret(
                Buffer.from(seal.open(place(textOf(row, "user_id"), textOf(row, "device_id")), sealed)).toString(
                    "utf8",
                ),
            );
        } catch (error) {
            throw error instanceof SealBroken
                ? new Failure("store_key_wrong", { path: "the account in backscroll.sqlite" }, { cause: error })
                : error;
        }
    }

    /** A device that has been chosen and not been logged in. */
    choose(userId: string, deviceId: string): void {
        this.#database.transaction(() => {
            this.#database.sql.exec("DELETE FROM account");
            this.#database.sql
                .prepare("INSERT INTO account (id, user_id, device_id, logged_in) VALUES (1, ?, ?, 0)")
                .run(userId, deviceId);
        });
    }

    /** A login of the stored device is about to be asked for. */
    loginBegins(): void {
        this.#database.transaction(() => this.#database.sql.exec("UPDATE account SET login_begun = 1"));
    }

    /** The server has logged this device in. `token`: undefined where the configuration has it. */
    loggedIn(userId: string, deviceId: string, token: Secret | undefined, seal: Seal): void {
        const sealed =
            token === undefined ? null : seal.seal(place(userId, deviceId), Buffer.from(token.reveal(), "utf8"));
        this.#database.transaction(() =>
            this.#database.sql
                .prepare(
                    `INSERT INTO account (id, user_id, device_id, logged_in, access_token) VALUES (1, :userId, :deviceId, 1, :sealed)
                     ON CONFLICT (id) DO UPDATE SET user_id = :userId, device_id = :deviceId, logged_in = 1, login_begun = 0, access_token = :sealed`,
                )
                .run({ userId, deviceId, sealed }),
        );
    }

    identity(masterKey: string, crossSigned: boolean): void {
        this.#database.transaction(() => {
            this.#database.sql
                .prepare("UPDATE account SET master_key = ?, cross_signed = ?")
                .run(masterKey, crossSigned ? 1 : 0);
            if (crossSigned) this.identityHeard({ state: "ours" }, 0);
        });
    }

    /**
     * How the device of an account that is ready stands with the published identity, as just heard. Inside a
     * transaction of the caller's.
     * @param now milliseconds since the epoch
     * @returns whether that is news
     */
    identityHeard(identity: OwnIdentity, now: number): boolean {
        const { state } = identity;
        const since = state === "ours" ? null : now;
        const published = identity.state === "replaced" ? identity.masterKey : null;
        const { changes } = this.#database.sql
            .prepare(
                `UPDATE account SET identity_state = ?1, identity_since = ?2, published_key = ?3, cross_signed = ?4
                 WHERE identity_state <> ?1 OR published_key IS NOT ?3`,
            )
            .run(state, since, published, state === "ours" ? 1 : 0);
        return changes > 0;
    }

    recoverySaved(masterKey: string): void {
        this.#database.transaction(() =>
            this.#database.sql.prepare("UPDATE account SET recovery_saved_for = ?").run(masterKey),
        );
    }
}

/** Of a database that a restore took over: the account with a new device, which is not logged in yet. */
export function adoptAccount(database: Database, userId: string, deviceId: string): void {
    const table = new AccountTable(database);
    const saved = table.read()?.recoverySavedFor;
    table.choose(userId, deviceId);
    if (saved !== undefined && saved !== null) table.recoverySaved(saved);
}

/** Binds a sealed token to its device: one copied from another row does not open. */
function place(userId: string, deviceId: string): string {
    return `account/access_token/${userId}/${deviceId}`;
}

function identityFrom(row: Row): OwnIdentity {
    const state = wordOf(row, "identity_state", ["ours", "gone", "unsigned", "replaced"]);
    return state === "replaced" ? { state, masterKey: textOf(row, "published_key") } : { state };
}
