import { z } from "zod";
import { parseMxc } from "../../../matrix/index.ts";

const base64Url32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/**
 * `EncryptedFile`, every field required: a receiver cannot even decrypt a bundle event whose `file` lacks one. Source:
 * Matrix v1.19, "Sending encrypted attachments".
 */
export const fileSchema = z.object({
    v: z.literal("v2"),
    url: z.string().refine((url) => parseMxc(url) !== undefined),
    key: z.object({
        alg: z.literal("A256CTR"),
        ext: z.literal(true),
        k: base64Url32,
        key_ops: z
            .array(z.string().max(32))
            .min(2)
            .max(8)
            .refine((ops) => ops.includes("encrypt") && ops.includes("decrypt")),
        kty: z.literal("oct"),
    }),
    iv: z.string().regex(/^[A-Za-z0-9+/]{22}$/),
    hashes: z.object({ sha256: z.string().regex(/^[A-Za-z0-9+/]{43}$/) }),
});
