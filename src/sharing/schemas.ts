import type { Schema } from "../database/index.ts";
import { bundleSchema } from "./bundle/bundle-schema.ts";
import { evidenceSchema } from "./evidence/evidence-schema.ts";
import { sharingSchema } from "./ledger/schema.ts";
import { reinviteSchema } from "./reinvite/reinvite-schema.ts";

/** Sharing's tables, in the order in which they are made. */
export const sharingSchemas: readonly Schema[] = [sharingSchema, bundleSchema, reinviteSchema, evidenceSchema];
