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
    store_corrupt: {
        exit: exitCodes.corrupt,
        message: "The store {path} is damaged: {detail}.",
        cure: "Stop here, keep the folder as it is, and restore the newest snapshot into an empty data folder.",
    },
    store_key_wrong: {
        exit: exitCodes.corrupt,
        message: "The store key does not open {path}.",
        cure: "Give the store_key that this data folder was made with; nothing was changed.",
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
    store_too_new: {
        exit: exitCodes.corrupt,
        message: "The store {path} was written by a newer Backscroll ({feature} is at version {found}, this one knows {known}).",
        cure: "Run the newer version again; nothing was changed.",
    },
    store_too_old: {
        exit: exitCodes.corrupt,
        message: "The store {path} was written by an older Backscroll ({feature} has not been brought up to date).",
        cure: "Start the bot once: it does that by itself.",
    },
    bot_not_answering: {
        exit: exitCodes.internal,
        message: "The running bot did not answer: {detail}.",
        cure: "Look at its log, or restart it; doing the command again harms nothing.",
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
    data_dir_unusable: {
        exit: exitCodes.diskFault,
        message: "The data folder {path} cannot be used: {detail}.",
        cure: "Make it a folder that the bot's user can write to, or set data_dir to another one.",
    },
    disk_fault: {
        exit: exitCodes.diskFault,
        message: "The disk that holds {path} failed: {detail}.",
        cure: "Look after the disk; what was acknowledged before is safe if the disk kept it.",
    },
    store_locked: {
        exit: exitCodes.locked,
        message: "Another process is using the data folder {path}.",
        cure: "Stop the other Backscroll first: two of them on one store would lose keys.",
    },
    one_time_keys_conflict: {
        exit: exitCodes.credentials,
        message: "The homeserver already has other keys of the device {device}: this store is newer than the device.",
        cure: "Restore the store that the device was made with, or log in with a new device.",
    },
    store_of_another_device: {
        exit: exitCodes.credentials,
        message: "The store {path} belongs to {storeUser}, device {storeDevice}, and not to {user}, device {device}.",
        cure: "Give the account that this data folder was made with, or use another data folder; nothing was changed.",
    },
} as const satisfies Record<string, Row>;

export type FailureCode = keyof typeof failures;
