import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * "generous": nothing is limited; "default": what an operator's Synapse has out of the box; "people": only what people
 * say and whom they invite is limited, as it is out of the box, so that a story can log in as many people as it needs.
 */
export type RateLimits = "generous" | "default" | "people";

export interface SynapseSettings {
    readonly folder: string;
    readonly port: number;
    readonly serverName: string;
    readonly registrationSecret: string;
    readonly rateLimits: RateLimits;
    /** Further keys of `homeserver.yaml`. */
    readonly more: object;
}

/**
 * Writes `homeserver.yaml` (JSON is YAML), the log configuration and, once, the signing key; answers the path of the
 * first.
 */
export function writeConfiguration(settings: SynapseSettings): string {
    const { folder } = settings;
    const signingKey = join(folder, "signing.key");
    if (!existsSync(signingKey))
        writeFileSync(signingKey, `ed25519 a_test ${randomBytes(32).toString("base64").replaceAll("=", "")}\n`);
    writeFileSync(join(folder, "log.yaml"), JSON.stringify(logging(folder)));
    const path = join(folder, "homeserver.yaml");
    writeFileSync(path, JSON.stringify(homeserver(settings, signingKey), undefined, 4));
    return path;
}

function homeserver(
    { folder, port, serverName, registrationSecret, rateLimits, more }: SynapseSettings,
    signingKey: string,
): object {
    return {
        server_name: serverName,
        public_baseurl: `http://127.0.0.1:${port}/`,
        report_stats: false,
        listeners: [
            {
                port,
                type: "http",
                bind_addresses: ["127.0.0.1"],
                tls: false,
                x_forwarded: false,
                resources: [{ names: ["client", "media"] }],
            },
        ],
        database: { name: "sqlite3", args: { database: join(folder, "homeserver.db") } },
        media_store_path: join(folder, "media"),
        signing_key_path: signingKey,
        log_config: join(folder, "log.yaml"),
        registration_shared_secret: registrationSecret,
        trusted_key_servers: [],
        suppress_key_server_warning: true,
        federation_domain_whitelist: [],
        enable_registration: false,
        presence: { enabled: false },
        // Hashing passwords properly is what makes a login slow; nobody's secret is at stake here.
        bcrypt_rounds: 4,
        // What no story looks at, and every event would be worked through for.
        enable_search: false,
        push: { enabled: false },
        stats: { enabled: false },
        user_directory: { enabled: false },
        ...limits[rateLimits],
        ...more,
    };
}

const unlimited = { per_second: 100_000, burst_count: 100_000 };

const withoutTheirs = {
    rc_registration: unlimited,
    rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
    rc_joins: { local: unlimited, remote: unlimited },
    rc_joins_per_room: unlimited,
    rc_room_creation: unlimited,
    rc_media_create: unlimited,
    rc_delayed_event_mgmt: unlimited,
    rc_presence: { per_user: unlimited },
    rc_admin_redaction: unlimited,
    rc_user_directory: unlimited,
};

const limits: Readonly<Record<RateLimits, object>> = {
    default: {},
    people: withoutTheirs,
    generous: {
        max_upload_size: "200M",
        ...withoutTheirs,
        rc_message: unlimited,
        rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
    },
};

function logging(folder: string): object {
    return {
        version: 1,
        disable_existing_loggers: false,
        formatters: { line: { format: "%(asctime)s %(levelname)s %(name)s %(message)s" } },
        handlers: {
            file: { class: "logging.FileHandler", formatter: "line", filename: join(folder, "homeserver.log") },
        },
        root: { level: "WARNING", handlers: ["file"] },
    };
}
