/** What people are meant to replace: `changeme`, `<password>`, `your-token`, `xxxx`. */
const stopgap = /^(<.*>|change[-_ ]?(me|this)\W*|replace[-_ ]?(me|this)\W*|(put|your)[-_].*|x{3,}|todo|fixme|\.{3,})$/i;

/** Domains that are nobody's. Source: RFC 2606, section 3. */
const exampleDomain = /(^|[/:.@])example\.(org|com|net)(?=$|[:/])/i;

/** Whether a value is an example's, left as it stood. */
export function isPlaceholder(value: string): boolean {
    return stopgap.test(value.trim()) || exampleDomain.test(value);
}
