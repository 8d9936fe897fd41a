import { exitCodes } from "./exit-codes.ts";

interface Row {
    readonly exit: number;
    /** What happened; `{name}` stands for a fact. */
    readonly message: string;
    /** What to do now. */
    readonly cure: string;
}

/** Every failure that we can explain: its stable code, exit code, sentence and cure. Sorted by exit code, then code. */
export const failures = {
    bad_argument: {
        exit: exitCodes.usage,
        message: "{name}: found {found}, expected {expected}.",
        cure: "See `backscroll {command} --help`.",
    },
    export_file_exists: {
        exit: exitCodes.usage,
        message: "{path} exists already.",
        cure: "Name a file that does not exist: nothing is ever overwritten.",
    },
    export_file_unwritable: {
        exit: exitCodes.usage,
        message: "{path} cannot be written ({detail}).",
        cure: "Name a file in a folder that exists and that this user can write to.",
    },
    key_export_unreadable: {
        exit: exitCodes.usage,
        message: "{path} cannot be imported: {detail}.",
        cure: "Give a key export of a Matrix client: passphrase-protected with --passphrase-file, or a plain JSON list of room keys.",
    },
    not_built_yet: {
        exit: exitCodes.usage,
        message: "{what} is not built yet.",
        cure: "{instead}",
    },
    restore_of_another_snapshot: {
        exit: exitCodes.usage,
        message: "A restore of another snapshot into {path} was begun and not finished; its new device is {device}.",
        cure: "Give that snapshot again. To begin anew with this one, delete the folder {path}, and sign out {device} in another client.",
    },
    restore_store_exists: {
        exit: exitCodes.usage,
        message: "There is a store in {path} already, and a restore replaces nothing.",
        cure: "Name an empty data_dir, or move backscroll.sqlite and crypto.sqlite away first, with the files of the same names that end in -wal (and keep them). Nothing was changed.",
    },
    snapshot_unreadable: {
        exit: exitCodes.usage,
        message: "{path} cannot be restored: {detail}.",
        cure: "Give another snapshot; nothing was changed.",
    },
    restore_unfinished: {
        exit: exitCodes.corrupt,
        message: "A restore into {path} was begun and not finished.",
        cure: "Run `backscroll restore` with the same snapshot again: it goes on where it was.",
    },
    snapshot_unproven: {
        exit: exitCodes.corrupt,
        message: "{path} was not made with this store key, or somebody has changed it since.",
        cure: "Give the store_key of the data folder that it was made of. If that is the right one, do not trust this snapshot, and give another. Nothing was changed.",
    },
    store_behind: {
        exit: exitCodes.corrupt,
        message:
            "The store {path} is behind what was on disk once: its write-ahead log was damaged or removed, or an older copy of the file was put back. Going on with it would use keys a second time, and others could not read what the bot says.",
        cure: "Put the newest store back if you have it, crypto.sqlite together with crypto.sqlite-wal. Otherwise make a new device of this one: `backscroll snapshot FILE`, then `backscroll restore FILE` with an empty data_dir.",
    },
    store_corrupt: {
        exit: exitCodes.corrupt,
        message: "The store {path} is damaged: {detail}.",
        cure: "Stop here, keep the folder as it is, and restore the newest snapshot into an empty data folder.",
    },
    store_key_malformed: {
        exit: exitCodes.corrupt,
        message: "The store key in {path} is not 32 bytes in base64.",
        cure: "Put the key back that this data folder was made with; nothing was changed.",
    },
    store_key_missing: {
        exit: exitCodes.corrupt,
        message: "There is a store, but its key {path} is missing and store_key is not set.",
        cure: "Put the file back or set store_key; nothing was changed.",
    },
    store_key_wrong: {
        exit: exitCodes.corrupt,
        message: "The store key does not open {path}.",
        cure: "Give the store_key that this data folder was made with; nothing was changed.",
    },
    store_outdated: {
        exit: exitCodes.corrupt,
        message:
            "The store {path} is an old copy: it was started {found} times, and the homeserver has seen the device {device} start {known} times. Going on with it would use keys a second time, and others could not read what the bot says.",
        cure: "Put the newest store back if you have it. Otherwise make a new device of this one: `backscroll snapshot FILE`, then `backscroll restore FILE` with an empty data_dir.",
    },
    store_too_new: {
        exit: exitCodes.corrupt,
        message:
            "The store {path} was written by a newer Backscroll ({feature} is at version {found}, this one knows {known}).",
        cure: "Run the newer version again; nothing was changed.",
    },
    store_too_old: {
        exit: exitCodes.corrupt,
        message: "The store {path} was written by an older Backscroll ({feature} has not been brought up to date).",
        cure: "Start the bot once: it does that by itself.",
    },
    homeserver_refused: {
        exit: exitCodes.unreachable,
        message:
            "The homeserver {url} refused what every start needs, or gave an answer that makes no sense: {detail}.",
        cure: "Look into its log, and at what stands between (a proxy, a firewall); nothing was lost, and starting again harms nothing.",
    },
    homeserver_unreachable: {
        exit: exitCodes.unreachable,
        message: "The homeserver {url} cannot be reached: {detail}.",
        cure: "Check homeserver.url, the network and the server; nothing was changed.",
    },
    bot_not_answering: {
        exit: exitCodes.internal,
        message: "The running bot did not answer: {detail}.",
        cure: "Look at its log, or restart it; doing the command again harms nothing.",
    },
    internal_fault: {
        exit: exitCodes.internal,
        message: "A fault of Backscroll's own ended the run: {detail}.",
        cure: "The store is safe: start the bot again, and report this with the log.",
    },
    sync_died: {
        exit: exitCodes.internal,
        message: "Following the homeserver ended unexpectedly: {detail}.",
        cure: "The store is safe: start the bot again, and report this with the log.",
    },
    worker_died: {
        exit: exitCodes.internal,
        message: "The crypto worker ended unexpectedly: {detail}.",
        cure: "The store is safe: start the bot again, and report this with the log.",
    },
    disk_full: {
        exit: exitCodes.diskFull,
        message: "The disk that holds {path} is full.",
        cure: "Make room there; nothing that was acknowledged is lost.",
    },
    restore_needs_room: {
        exit: exitCodes.diskFull,
        message:
            "There is no room for the restore on the disk that holds {path}: it takes up to four times the size of the snapshot there.",
        cure: "Make room there, and give the same command again: it goes on where it was. Nothing was lost.",
    },
    snapshot_needs_room: {
        exit: exitCodes.diskFull,
        message:
            "There is no room for a snapshot on the disk that holds {path}: it takes {megabytes} MB there while it is made.",
        cure: "Make room there, and take it again. Nothing is left of this one, and a bot that runs goes on.",
    },
    upgrade_needs_room: {
        exit: exitCodes.diskFull,
        message:
            "The store {path} has to be upgraded, and there is no room on its disk for the copy that is kept of it before.",
        cure: "Make room for one more file of its size, and start again; nothing was changed.",
    },
    data_dir_unusable: {
        exit: exitCodes.diskFault,
        message: "The data folder {path} cannot be used: {detail}.",
        cure: "Make it a folder that the bot's user can write to, or set data_dir to another one.",
    },
    disk_fault: {
        exit: exitCodes.diskFault,
        message: "The disk that holds {path} failed: {detail}.",
        cure: "Look whether the disk is failing or has become read-only; what was acknowledged before is safe if the disk kept it. A bot that still runs goes on by itself when it can write again.",
    },
    store_locked: {
        exit: exitCodes.locked,
        message: "Another process is using the data folder {path}.",
        cure: "Stop the other Backscroll first: two of them on one store would lose keys.",
    },
    access_token_of_another_device: {
        exit: exitCodes.credentials,
        message: "The access token is for the device {found}, and this data folder belongs to the device {device}.",
        cure: "Give a token of {device}, or use another data_dir for the other device: a device cannot change its keys.",
    },
    access_token_of_another_user: {
        exit: exitCodes.credentials,
        message: "The homeserver says that the credentials are those of {found}, and homeserver.user_id is {user}.",
        cure: "Give the credentials of {user}, or correct homeserver.user_id.",
    },
    access_token_refused: {
        exit: exitCodes.credentials,
        message: "The homeserver does not accept homeserver.access_token for {user}.",
        cure: "Give a valid token, or homeserver.password. If the device was logged out, its keys are gone: use an empty data_dir and the same recovery_key.",
    },
    access_token_without_device: {
        exit: exitCodes.credentials,
        message: "The access token of {user} belongs to no device, so nothing can be encrypted with it.",
        cure: "Give a token that came from a login, or homeserver.password instead of it.",
    },
    account_deactivated: {
        exit: exitCodes.credentials,
        message: "The account {user} is deactivated on its homeserver.",
        cure: "Ask the server's admin to reactivate it, or set up another account.",
    },
    account_locked: {
        exit: exitCodes.credentials,
        message: "The account {user} is {state} by an admin of its homeserver.",
        cure: "Ask the admin to lift that; a running bot waits for it.",
    },
    account_not_ready: {
        exit: exitCodes.credentials,
        message: "The bot has not logged in yet, so there is no crypto store to work on.",
        cure: "Start it once with `backscroll run` (or `backscroll login`), and try again when it is ready.",
    },
    account_of_another_user: {
        exit: exitCodes.credentials,
        message: "This data folder belongs to {stored}, and homeserver.user_id is {user}.",
        cure: "Use another data_dir for {user}, or correct homeserver.user_id.",
    },
    device_keys_gone: {
        exit: exitCodes.credentials,
        message:
            "The homeserver has no keys of the device {device} of {user} any more, although this store uploaded them.",
        cure: "Make a new device of this store: `backscroll snapshot FILE`, then `backscroll restore FILE` with an empty data_dir and the password.",
    },
    device_keys_lost: {
        exit: exitCodes.credentials,
        message: "The homeserver publishes keys of the device {device} of {user}, but the crypto store here is empty.",
        cure: "`backscroll restore` a snapshot into an empty data_dir; without one, use an empty data_dir so that a new device is made, and with an access token one of a new login.",
    },
    device_keys_of_another_store: {
        exit: exitCodes.credentials,
        message:
            "The homeserver publishes other keys for the device {device} of {user} than this store has: another store used the same device.",
        cure: "Use the store that belongs to the device, or an empty data_dir so that a new device is made; with an access token, one of a new login.",
    },
    device_logged_out: {
        exit: exitCodes.credentials,
        message: "The device {device} of {user} was logged out: the homeserver has deleted it with its keys.",
        cure: "Make a new device of this store: `backscroll snapshot FILE`, then `backscroll restore FILE` with an empty data_dir and the password.",
    },
    device_not_cross_signed: {
        exit: exitCodes.credentials,
        message:
            "The homeserver does not publish the device {device} of {user} as signed by its identity, so others would ignore what it sends.",
        cure: "Start again; if it stays so, run `backscroll login --reset-identity`.",
    },
    identity_locked: {
        exit: exitCodes.credentials,
        message: "{user} has a cross-signing identity ({key}) that this store cannot sign with.",
        cure: "Set recovery_key to the account's recovery key, or replace the identity with `backscroll login --reset-identity`.",
    },
    one_time_keys_conflict: {
        exit: exitCodes.credentials,
        message: "The homeserver already has other keys of the device {device}: this store is newer than the device.",
        cure: "Put the store back that the device was made with, or make a new device of this one: `backscroll snapshot FILE`, then `backscroll restore FILE` with an empty data_dir.",
    },
    password_login_refused: {
        exit: exitCodes.credentials,
        message: "The homeserver does not log {user} in by password: {detail}.",
        cure: "If it offers no login by password, give homeserver.access_token from a login elsewhere instead.",
    },
    password_missing: {
        exit: exitCodes.credentials,
        message: "The homeserver asks for the password of {user}, and there is only an access token.",
        cure: "Set homeserver.password (instead of the token) for this one time.",
    },
    password_not_asked_for: {
        exit: exitCodes.credentials,
        message: "The homeserver wants {user} to confirm this in a way other than the password.",
        cure: "Set up cross-signing for {user} in another client, and give its recovery key as recovery_key.",
    },
    password_wrong: {
        exit: exitCodes.credentials,
        message: "The homeserver does not accept the password of {user}.",
        cure: "Correct homeserver.password (or homeserver.user_id); nothing was changed.",
    },
    recovery_incomplete: {
        exit: exitCodes.credentials,
        message: "The secret storage of {user} opens, but it does not hold the keys of the published identity ({key}).",
        cure: "Save them there from a client that has them, or replace the identity with `backscroll login --reset-identity`.",
    },
    recovery_key_wrong: {
        exit: exitCodes.credentials,
        message: "The recovery key does not open the secret storage of {user}.",
        cure: "Give the key that the account's secret storage was made with, or replace the identity with `backscroll login --reset-identity`.",
    },
    secret_storage_locked: {
        exit: exitCodes.credentials,
        message: "{user} already has secret storage, made by another client, and there is no recovery key for it.",
        cure: "Set recovery_key to its recovery key, or replace it and the identity with `backscroll login --reset-identity`.",
    },
    store_of_another_device: {
        exit: exitCodes.credentials,
        message: "The store {path} belongs to {storeUser}, device {storeDevice}, and not to {user}, device {device}.",
        cure: "Give the account that this data folder was made with, or use another data folder; nothing was changed.",
    },
    homeserver_wrong: {
        exit: exitCodes.configuration,
        message: "There is no Matrix homeserver at {url}: {detail}.",
        cure: "Set homeserver.url to the homeserver's own base URL (what /.well-known/matrix/client names), not the one of the server name or of a client.",
    },
    recovery_key_malformed: {
        exit: exitCodes.configuration,
        message: "What {place} holds is not a recovery key.",
        cure: "Write all twelve groups of four as they were given; there is a typing error.",
    },
} as const satisfies Record<string, Row>;

export type FailureCode = keyof typeof failures;
