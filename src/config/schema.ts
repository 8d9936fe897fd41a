import { z } from "zod";
import * as value from "./values.ts";

/**
 * What one source (the YAML file, the environment) may say: every setting, none of them required. YAML's empty value
 * means "not set here".
 */
const setting = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((given) => given ?? undefined);
const section = <Shape extends z.ZodRawShape>(shape: Shape) =>
    setting(z.strictObject(shape, { error: "a group of settings" }));

const sharing = {
    mode: setting(value.oneOf(["automatic", "approval", "command", "off"])),
    reinvite: setting(value.oneOf(["when_better", "when_complete", "always", "never"])),
    reinvite_thresholds: section({ proven: setting(value.percentage), likely: setting(value.percentage) }),
    reinvite_pace: setting(value.oneOf(["polite", "unlimited"])),
    trusted_servers: setting(value.listOf(value.server)),
    other_bots: setting(value.listOf(value.userId)),
    max_invitees_per_hour: setting(value.count(1, 1_000_000)),
    max_sessions: setting(value.count(1, 10_000_000)),
    /** Here alone `null` is a value: no limit, which a room can need against a limit for all rooms. */
    max_age: value.duration.nullable().optional(),
};

export const settingsSchema = z.strictObject(
    {
        homeserver: section({
            url: setting(value.homeserverUrl),
            user_id: setting(value.userId),
            password: setting(value.password),
            access_token: setting(value.accessToken),
        }),
        data_dir: setting(value.folder),
        store_key: setting(value.storeKey),
        recovery_key: setting(value.recoveryKey),
        admins: setting(value.listOf(value.userId)),
        invites: section({
            from: setting(value.listOf(value.userIdOrGlob)),
            others: setting(value.oneOf(["reject", "leave_pending"])),
        }),
        sharing: section(sharing),
        rooms: setting(
            z.record(value.roomId, section(sharing), { error: "room IDs, each with sharing settings of its own" }),
        ),
        chat: section({
            greeting: setting(value.flag),
            notify: setting(value.flag),
            prefix: setting(value.text("one word that commands begin with")),
        }),
        rooms_left: section({ keys: setting(value.keepOrForgetAfter) }),
        http: section({
            bind: setting(value.address),
            port: setting(value.count(1, 65_535)),
        }),
        log: section({
            level: setting(value.oneOf(["debug", "info", "warn", "error"])),
            format: setting(value.oneOf(["json", "pretty"])),
        }),
    },
    { error: "a group of settings" },
);

/** What all sources say together. */
export type GivenSettings = z.output<typeof settingsSchema>;

/** Settings whose values are never shown. */
export const secretPaths: ReadonlySet<string> = new Set([
    "homeserver.password",
    "homeserver.access_token",
    "store_key",
    "recovery_key",
]);

/** How a setting's value is written in an environment variable. */
export type TextForm = "text" | "number" | "flag" | "list";

export interface SettingPath {
    readonly path: readonly string[];
    readonly form: TextForm;
    /** Whether `null` is a value of its own. */
    readonly nullable: boolean;
}

/**
 * Every setting that has one path, in the order of the schema; `rooms` has as many as there are rooms, and stands in
 * YAML only.
 */
export function settingPaths(): readonly SettingPath[] {
    return pathsIn(settingsSchema, []);
}

function pathsIn(schema: z.core.$ZodObject, prefix: readonly string[]): readonly SettingPath[] {
    return Object.entries(schema._zod.def.shape).flatMap(([key, field]) => {
        const path = [...prefix, key];
        const bare = unwrap(field);
        if (bare instanceof z.core.$ZodObject) return pathsIn(bare, path);
        return bare instanceof z.ZodRecord
            ? []
            : [{ path, form: formOf(bare), nullable: field instanceof z.ZodOptional }];
    });
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return unwrap(schema.unwrap());
    return schema instanceof z.ZodPipe ? unwrap(schema.in) : schema;
}

function formOf(schema: z.core.$ZodType): TextForm {
    if (schema instanceof z.ZodArray) return "list";
    if (schema instanceof z.ZodBoolean) return "flag";
    return schema instanceof z.ZodNumber ? "number" : "text";
}
