#!/usr/bin/env python3
"""Runs Schemathesis against the real server: fuzz.py BINARY

Fails on any finding, and where the server does not end well afterwards. The document is what the server serves, but
read from a file: what is read from its own path Schemathesis does not test.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

from service import Exchange, serve

HERE = pathlib.Path(__file__).resolve().parent
REQUEST = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, serve(folder, sys.argv[1]) as service:
        document = pathlib.Path(folder) / "openapi.json"
        document.write_bytes(Exchange(service.port, REQUEST).answer().body)
        findings = subprocess.call(
            ["schemathesis", "--config-file", HERE / "schemathesis.toml", "run", document,
             "--url", f"http://127.0.0.1:{service.port}", "--no-color"],
            cwd=folder, env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")})
        service.terminate()
        if service.wait() != 0:
            print(f"fuzz: the server did not end well:\n{service.output.read_text()}", file=sys.stderr)
            return 1
    return findings


if __name__ == "__main__":
    sys.exit(main())
