"""The official Python SDK, 1.x line: lists and calls the three tools over a
session. Prints one JSON object; the test compares it."""

import asyncio
import json
import os
import ssl

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

CALLS = json.loads(os.environ["SALLYPORT_CALLS"])


async def main():
    tls = ssl.create_default_context(cafile=os.environ["SALLYPORT_CA"])
    headers = {"Authorization": "Bearer " + os.environ["SALLYPORT_TOKEN"]}
    async with httpx.AsyncClient(
        verify=tls, headers=headers, timeout=20
    ) as http, streamable_http_client(
        os.environ["SALLYPORT_URL"] + "/mcp", http_client=http
    ) as streams, ClientSession(*streams[:2]) as session:
        hello = await session.initialize()
        await session.send_ping()
        tools = await session.list_tools()
        results = []
        for name, arguments in CALLS:
            result = await session.call_tool(name, arguments)
            results.append(
                {
                    "error": bool(result.isError),
                    "structured": result.structuredContent,
                    "text": [c.text for c in result.content],
                }
            )
        print(
            json.dumps(
                {
                    "version": hello.protocolVersion,
                    "tools": [t.name for t in tools.tools],
                    "results": results,
                }
            )
        )


asyncio.run(main())
