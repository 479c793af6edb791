/* The official TypeScript SDK, the line that SALLYPORT_PACKAGE names: lists and
 * calls the three tools. Prints one JSON object; the test compares it. Node
 * trusts the gate by NODE_EXTRA_CA_CERTS. */
const pkg = process.env.SALLYPORT_PACKAGE;
const { Client } = await import(
    pkg === "sdk" ? "@modelcontextprotocol/sdk/client/index.js"
                  : "@modelcontextprotocol/client");
const { StreamableHTTPClientTransport } = await import(
    pkg === "sdk" ? "@modelcontextprotocol/sdk/client/streamableHttp.js"
                  : "@modelcontextprotocol/client");

const transport = new StreamableHTTPClientTransport(
    new URL(process.env.SALLYPORT_URL + "/mcp"),
    { requestInit: {
        headers: { Authorization: "Bearer " + process.env.SALLYPORT_TOKEN },
    } });
const client = new Client({ name: "sallyport-interop", version: "1.0.0" });

await client.connect(transport);
const { tools } = await client.listTools();
const results = [];
for (const [name, args] of JSON.parse(process.env.SALLYPORT_CALLS)) {
    const result = await client.callTool({ name, arguments: args });
    results.push({
        error: result.isError === true,
        structured: result.structuredContent ?? null,
        text: result.content.map((part) => part.text),
    });
}
console.log(JSON.stringify({
    tools: tools.map((tool) => tool.name),
    results,
}));
await client.close();
