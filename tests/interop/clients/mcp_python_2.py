"""The official Python SDK, 2.x line, in the mode that SALLYPORT_MODE names:
"legacy" (a session), "auto" (discover first) or a stateless version. Prints one
JSON object; the test compares it."""

import asyncio
import json
import os
import ssl

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

CALLS = json.loads(os.environ["SALLYPORT_CALLS"])


async def main():
    tls = ssl.create_default_context(cafile=os.environ["SALLYPORT_CA"])
    headers = {"Authorization": "Bearer " + os.environ["SALLYPORT_TOKEN"]}
    async with httpx2.AsyncClient(
        verify=tls, headers=headers, timeout=20
    ) as http:
        transport = streamable_http_client(
            os.environ["SALLYPORT_URL"] + "/mcp", http_client=http
        )
        async with Client(
            transport, mode=os.environ["SALLYPORT_MODE"]
        ) as client:
            tools = await client.list_tools()
            results = []
            for name, arguments in CALLS:
                result = await client.call_tool(name, arguments)
                results.append(
                    {
                        "error": bool(result.is_error),
                        "structured": result.structured_content,
                        "text": [c.text for c in result.content],
                    }
                )
            print(
                json.dumps(
                    {
                        "version": client.protocol_version,
                        "tools": [t.name for t in tools.tools],
                        "results": results,
                    }
                )
            )


asyncio.run(main())
