import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { deriveSeal } from "../../../sealing/index.ts";
import { prepareTables } from "../tables.ts";
import { BOT } from "../testing/bot.ts";
import { sealFile } from "../testing/bundle.ts";
import { findOffer, storeOffers } from "./bundle-offers.ts";

test("an announcement that an earlier version kept, and whose URI no homeserver can be asked for, is none", () => {
    const sql = new DatabaseSync(":memory:");
    const seal = deriveSeal(new Uint8Array(32), "test");
    prepareTables(sql, { path: ":memory:", ...BOT }, seal);
    const { file } = sealFile("{}");
    const key = { ...file.key, key_ops: [...file.key.key_ops] };
    const keep = (url: string): void =>
        void storeOffers(
            sql,
            seal,
            [{ roomId: "!room:home", sender: "@alice:home", senderKey: "key", file: { ...file, key, url } }],
            1,
        );
    keep("mxc://../x");
    expect(findOffer(sql, seal, "!room:home", "@alice:home")).toBeUndefined();
    keep("mxc://home/x");
    expect(findOffer(sql, seal, "!room:home", "@alice:home")).toMatchObject({ file: { url: "mxc://home/x" } });
});
