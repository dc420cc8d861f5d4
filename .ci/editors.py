"""What editors do with `countersign schema`, asked of the language server that they use.

usage: editors.py COUNTERSIGN NODE_MODULES
"""

import json
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from jsonschema import Draft202012Validator

from tools import ROOT, Tally

MODELINE = "# yaml-language-server: $schema=schema.json\n"
SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
FILE = """version: 1
listeners: {public: {address: "127.0.0.1:8080"}}
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {clients: {directory: keys}}
routes:
  - path: "/**"
    verify: github
    keys: clients
    body: {max: 1MiB}
    upstream: app
"""
# What is written instead of what, and a word of the complaint.
MISTAKES = {
    "a name of the file": ("upstreams:", "upstream:", "upstream"),
    "a name of a route": ("verify:", "verfy:", "verfy"),
    "a name further down": ("{max:", "{maximum:", "maximum"),
    "a size": ("1MiB", "1 mile", "pattern"),
    "a version": ("version: 1", "version: 2", "1"),
    "no version": ("version: 1\n", "", "version"),
    "a list for a mapping": ('{public: {address: "127.0.0.1:8080"}}', "[public]", "type"),
}


class Server:
    """A language server, spoken to over its standard input and output."""

    def __init__(self, modules):
        command = [str(Path(modules) / ".bin" / "yaml-language-server"), "--stdio"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.told, self.last = queue.Queue(), 0
        threading.Thread(target=self.listen, daemon=True).start()
        self.ask("initialize", processId=None, rootUri=None, capabilities={"workspace": {"configuration": True}})
        self.say(method="initialized", params={})

    def listen(self):
        while line := self.process.stdout.readline():
            length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else None
            while self.process.stdout.readline().strip():
                pass
            message = json.loads(self.process.stdout.read(length))
            if message.get("method") == "workspace/configuration":
                items = [SETTINGS if item.get("section") == "yaml" else {} for item in message["params"]["items"]]
                self.say(id=message["id"], result=items)
            elif "method" in message and "id" in message:
                self.say(id=message["id"], result=None)
            else:
                self.told.put(message)

    def say(self, **message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.process.stdin.flush()

    def wait(self, wanted):
        while True:
            message = self.told.get(timeout=30)
            if wanted(message):
                return message

    def ask(self, method, **params):
        self.last += 1
        self.say(id=self.last, method=method, params=params)
        return self.wait(lambda message: message.get("id") == self.last)["result"]

    def open(self, path):
        """What the server has against a file."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text()}
        self.say(method="textDocument/didOpen", params={"textDocument": document})
        about = self.wait(lambda message: message.get("params", {}).get("uri") == path.as_uri() and "diagnostics" in message["params"])
        return [found["message"] for found in about["params"]["diagnostics"]]

    def at(self, method, path, line, character):
        return self.ask(f"textDocument/{method}", textDocument={"uri": path.as_uri()}, position={"line": line, "character": character})

    def close(self):
        self.process.kill()
        self.process.wait()


def main():
    tally = Tally()
    printed = subprocess.run([sys.argv[1], "schema"], capture_output=True, text=True, check=True).stdout
    Draft202012Validator.check_schema(json.loads(printed))
    tally.check("the schema is that of the repository", printed == (ROOT / "docs" / "config.schema.json").read_text())
    server = Server(sys.argv[2])
    try:
        with tempfile.TemporaryDirectory() as directory:
            judge(server, tally, Path(directory), printed)
    finally:
        server.close()
    return tally.close()


def judge(server, tally, directory, schema):
    (directory / "schema.json").write_text(schema)
    told = server.open(ROOT / "config.example.yaml")
    tally.check("config.example.yaml is right, by its own first line", not told, told or "")
    for example in sorted((ROOT / "docs" / "examples").glob("*.yaml")):
        path = directory / example.name
        path.write_text(MODELINE + example.read_text())
        told = server.open(path)
        tally.check(f"{example.name} is right", not told, told or "")
    for number, (name, (right, wrong, word)) in enumerate(MISTAKES.items()):
        path = directory / f"wrong-{number}.yaml"
        path.write_text(MODELINE + FILE.replace(right, wrong, 1))
        told = server.open(path)
        tally.check(f"found: {name}", any(word in message for message in told), told)
    path = directory / "right.yaml"
    path.write_text(MODELINE + FILE + "    \n")
    tally.check("the file without mistakes is right", not (told := server.open(path)), told)
    lines = path.read_text().splitlines()
    for setting, at, words in (("    upstream: app", 6, "its name"), ("    body: {max: 1MiB}", 12, "the largest body")):
        told = server.at("hover", path, lines.index(setting), at)
        tally.check(f"explained: {setting.strip()}", words in str(told), told)
    items = server.at("completion", path, len(lines) - 1, 4)["items"]
    names = {item["label"] for item in items}
    tally.check("names of a route are offered", {"replay", "sign", "timeouts"} <= names, f"{len(names)} names")


if __name__ == "__main__":
    sys.exit(main())
