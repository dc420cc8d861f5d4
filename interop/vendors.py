"""countersign against the vendors' own libraries, in both directions: what they sign passes, what we sign they believe.

usage: vendors.py COUNTERSIGN OCTOKIT        (OCTOKIT: a directory in which @octokit/webhooks-methods is installed)
"""

import secrets
import sys
import tempfile
from pathlib import Path

import apis
import libraries
from processes import Processes, echo_upstream, free_port, request
from tally import Tally


def main():
    binary, octokit = Path(sys.argv[1]).resolve(), sys.argv[2]
    libraries.GitHub.octokit = octokit
    tally, every = Tally(), libraries.webhooks() + apis.apis()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as processes:
        world = World(Path(directory), processes, binary, every)
        for library in every:
            if library.signs:
                signed_by_the_library(tally, world, library)
            if library.verifies:
                signed_by_the_gateway(tally, world, library)
    return tally.close()


class World:
    """One gateway: below /in it verifies, below /out it signs, each library on a path of its own."""

    def __init__(self, directory, processes, binary, every):
        self.upstream, self.seen = echo_upstream()
        self.port, self.out, health = free_port(), free_port(), free_port()
        rings, routes = [], []
        for library in every:
            ring = directory / library.scheme
            ring.mkdir()
            (ring / library.key_id).write_text(library.secret)
            rings.append(f"  {library.scheme}: {{directory: {ring}}}")
            told = f"{{scheme: {library.scheme}, keys: {library.scheme}{library.settings}}}"
            routes.append(f'  - {{path: "/in/{library.scheme}", listeners: [in], verify: {told}, replay: off, upstream: echo}}')
            if library.verifies:
                routes.append(f'  - {{path: "/out/{library.scheme}", listeners: [out], sign: {told}, upstream: echo}}')
        config = directory / "countersign.yaml"
        config.write_text("\n".join([
            "version: 1", f'health: {{address: "127.0.0.1:{health}"}}', "listeners:",
            f'  in: {{address: "127.0.0.1:{self.port}", public_url: "http://127.0.0.1:{self.port}"}}',
            f'  out: {{address: "127.0.0.1:{self.out}"}}',
            f'upstreams: {{echo: {{url: "http://127.0.0.1:{self.upstream}", host: upstream}}}}',
            "keyrings:", *rings, "routes:", *routes, ""]))
        self.gateway = processes.gateway(binary, config, health)

    def send(self, port, call):
        return request(port, call.method, call.target, call.headers, call.body)[0]


def signed_by_the_library(tally, world, library):
    """The library's request passes; a changed body and a changed signature do not."""
    url = f"http://127.0.0.1:{world.port}/in/{library.scheme}{library.query}"
    call = libraries.Call("POST", url, library.body)
    call.headers = {"content-type": library.content_type, **library.headers(call)}
    tally.check(f"{library.scheme}: the library signs, the gateway believes it", world.send(world.port, call), 200)
    forged = libraries.Call("POST", url, library.body + b" ", call.headers)
    expected = 401 if library.covers_body else 200
    tally.check(f"{library.scheme}: another body under the library's signature", world.send(world.port, forged), expected)
    library.secret, own = type(library)().secret[:-4] + secrets.token_hex(2), library.secret
    stranger = libraries.Call("POST", url.split("?")[0] + library.query, library.body)
    stranger.headers = {"content-type": library.content_type, **library.headers(stranger)}
    library.secret = own
    tally.check(f"{library.scheme}: the library signs with another secret", world.send(world.port, stranger), 401)


def signed_by_the_gateway(tally, world, library):
    """A plain request comes out signed; the library believes it, and not with another body or another secret."""
    before = len(world.seen)
    url = f"http://127.0.0.1:{world.out}/out/{library.scheme}{library.query}"
    sent = libraries.Call("POST", url, library.body, {"content-type": library.content_type})
    tally.check(f"{library.scheme}: the gateway signs", world.send(world.out, sent), 200)
    arrived = (world.seen[before:] or [None])[0]
    if arrived is None:
        return
    headers = {name.lower(): value for name, value in arrived["headers"]}
    url = f"http://{headers['host']}{arrived['target']}"
    call = libraries.Call("POST", url, arrived["body"], headers)
    tally.check(f"{library.scheme}: the library believes it", library.refuses(call), False)
    forged = libraries.Call("POST", url, arrived["body"].replace(b"a", b"b", 1) + b"x", headers)
    if library.judges_body:
        tally.check(f"{library.scheme}: the library refuses another body", library.refuses(forged), True)
    library.secret, own = type(library)().secret[:-4] + secrets.token_hex(2), library.secret
    tally.check(f"{library.scheme}: the library refuses another secret", library.refuses(call), True)
    library.secret = own


if __name__ == "__main__":
    sys.exit(main())
