import { openDatabase } from "../../database/index.ts";
import { type AuditFilter, type AuditReport, sharingReport } from "../../sharing/index.ts";
import { dataFolder } from "../folder/data-folder.ts";
import { schemas } from "../folder/schemas.ts";

/** @see {@link import("../index.ts").readAudit} */
export function readAudit(dataDir: string, filter: AuditFilter): AuditReport {
    const database = openDatabase({ path: dataFolder(dataDir).database, schemas, readOnly: true });
    try {
        return sharingReport(database.sql).audit(filter);
    } finally {
        database.close();
    }
}
